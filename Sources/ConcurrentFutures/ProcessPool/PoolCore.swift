/// Everything of a process pool that is shared between the threads that use it and its driver, under one lock: the state machine, the
/// tasks, and the sending ends of the workers' channels.
///
/// Nothing here waits, and nothing here runs user code: what has to happen without the lock is collected in an ``Aftermath``. What replies mean
/// and how tasks end stands in `PoolCore+Results.swift`, and how the state machine's decisions are carried out in `PoolCore+Actions.swift`.
struct PoolCore: ~Copyable {
    final class WorkerEnd {
        let id: WorkerID
        /// What the state machine keeps of it.
        let state: PoolStateMachine.Worker
        let channel: any WorkerChannel
        /// Whether the worker has been sent the definition of the function with this number; false for those beyond the end.
        // Under the pool's lock, and nothing is called meanwhile.
        @exclusivity(unchecked) private var knownFunctions: [Bool] = []
        /// Whether the driver looks at its memory.
        var isWatched = false

        init(_ state: PoolStateMachine.Worker, channel: any WorkerChannel) {
            id = state.id
            self.state = state
            self.channel = channel
        }

        /// - Returns: whether the worker did not know it.
        func learn(_ function: UInt32) -> Bool {
            let number = Int(function)
            if number < knownFunctions.count, knownFunctions[number] { return false }
            if number >= knownFunctions.count {
                knownFunctions.append(contentsOf: repeatElement(false, count: number + 1 - knownFunctions.count))
            }
            knownFunctions[number] = true
            return true
        }

        func forget(_ function: UInt32) {
            knownFunctions[Int(function)] = false
        }
    }

    var machine: PoolStateMachine
    /// By the lower half of the task's number, which names a place in the state machine's slab.
    ///
    /// Each is a reference of its own, which came with the task from the inbox. When the task ends it goes to the ``Aftermath``, which lets go of it only after the lock: so whoever has the lock can use a record
    /// that was in here without a reference to it, also if it ends meanwhile. Counting references was most of what the driver did.
    private(set) var tasks: [Unmanaged<PoolTask>?] = []
    /// By the lower half of the worker's number, as with the tasks.
    var workers: [WorkerEnd?] = []
    var actions: PoolStateMachine.Actions = []
    var urgency = Urgency()
    /// What the driver has to do.
    var orders: [Order] = []
    /// By their numbers, the functions that workers have been sent.
    var usedFunctions: [UInt32: TaskFunctionName] = [:]
    /// Those of them that the launcher has not been told of.
    var newFunctions: [TaskFunctionName] = []
    /// Why no worker can be started.
    var brokenReason: PoolError?
    /// How the pool's initializer failed; then that is why.
    private(set) var initializerFailure: PoolError?
    /// Whether everything has ended.
    var isStopped = false

    enum Order {
        case start(WorkerID)
        /// Ask its process to end, by a signal.
        case terminate(WorkerID)
        case kill(WorkerID)
        /// Kill it because it wrote what no sound worker writes, or could not be initialised.
        case putDown(WorkerID)
        /// Give up all workers that are left.
        case abandonWorkers
        /// Say this on the program's standard error.
        case say(String)
        /// The worker has been given something to do, and its memory is limited.
        case watchMemory(WorkerID)
    }

    let watchesMemory: Bool

    init(_ configuration: PoolStateMachine.Configuration, watchesMemory: Bool) {
        machine = PoolStateMachine(configuration: configuration)
        self.watchesMemory = watchesMemory
    }

    // MARK: For those who use the pool

    mutating func start(_ aftermath: inout Aftermath) {
        machine.start(actions: &actions)
        carryOut(&aftermath)
    }

    /// Takes a task in, and takes it over.
    mutating func submit(_ task: Unmanaged<PoolTask>, _ aftermath: inout Aftermath) {
        urgency.noteTask()
        let id = task._withUnsafeGuaranteedRef { record in
            tellTime(ifNeeded: record.limits == nil)
            record.id = machine.submit(cost: record.cost, limits: record.limits, actions: &actions)
            return record.id
        }
        let index = Self.index(of: id)
        if index == tasks.count {
            tasks.append(task)
        } else {
            assert(tasks[index] == nil, "a place was given out twice")
            tasks[index] = task
        }
        carryOut(&aftermath)
    }

    mutating func cancel(_ task: PoolTask, _ aftermath: inout Aftermath) -> Bool {
        tellTime()
        let isKnown = machine.cancel(task.id, actions: &actions)
        carryOut(&aftermath)
        return isKnown
    }

    var maxWorkers: Int { machine.configuration.maxWorkers }

    func isRunning(_ task: PoolTask) -> Bool {
        guard let (worker, index) = machine.place(of: task.id) else { return false }
        // Only the oldest can be, whatever the others' words say. Those before it that were taken back may be in the channel still.
        return index == machine.oldestPlace(of: worker) && channel(of: worker)?.isStarted(at: index) == true
    }

    mutating func resize(to maxWorkers: Int, _ aftermath: inout Aftermath) {
        tellTime()
        machine.resize(to: maxWorkers, actions: &actions)
        carryOut(&aftermath)
    }

    mutating func shutDown(cancelPending: Bool, _ aftermath: inout Aftermath) {
        tellTime()
        machine.shutDown(cancelPending: cancelPending, actions: &actions)
        carryOut(&aftermath)
    }

    mutating func terminate(gracePeriod: UInt64, _ aftermath: inout Aftermath) {
        tellTime()
        machine.terminate(gracePeriod: gracePeriod, actions: &actions)
        carryOut(&aftermath)
    }

    /// Whether a task that has ended with an error is run again has been decided.
    mutating func judged(_ task: TaskID, isRunAgain: Bool, _ error: any Error, _ aftermath: inout Aftermath) {
        guard machine.isInQuestion(task) else { return }
        tellTime()
        if isRunAgain {
            self[task]!.attempts!.failures.appendFailure(error)
            self[task]!.attempts!.outcomeInQuestion = nil
            self[task]!.batch = nil
        } else if var error = error as? PoolError, !self[task]!.attempts!.failures.isEmpty {
            error.previousFailures = self[task]!.attempts!.failures
            self[task]!.attempts!.outcomeInQuestion?.replace(with: error)
        }
        machine.judged(task, isRunAgain: isRunAgain, actions: &actions)
        carryOut(&aftermath)
    }

    // MARK: For the driver

    /// Several replies follow that have come together.
    mutating func beginBatch() {
        tellTime()
        machine.beginBatch()
    }

    mutating func endBatch(_ aftermath: inout Aftermath) {
        machine.endBatch(actions: &actions)
        carryOut(&aftermath)
    }

    /// A worker's process is to end; how it does is told like any other end.
    mutating func putDown(_ id: WorkerID, _ aftermath: inout Aftermath) {
        order(.putDown(id), &aftermath)
    }

    mutating func takeOrders() -> [Order] {
        defer { orders = [] }
        return orders
    }

    /// There is a new launcher, which knows no functions.
    mutating func tellFunctionsAnew() {
        newFunctions = Array(usedFunctions.values)
    }

    /// Some of the functions that workers have been sent and the launcher has not been told of.
    mutating func takeNewFunctions(atMost count: Int) -> [TaskFunctionName] {
        defer { newFunctions.removeFirst(min(count, newFunctions.count)) }
        return Array(newFunctions.prefix(count))
    }

    /// When ``timePassed(_:)`` is to be called next, on the clock of ``monotonicNanoseconds()``; `nil` for never.
    mutating func nextTime() -> UInt64? {
        if machine.wantsBeginningsCheck {
            tellTime()
            machine.planBeginningsCheck()
        }
        return machine.nextTime
    }

    mutating func timePassed(_ aftermath: inout Aftermath) {
        tellTime()
        machine.timePassed(actions: &actions)
        carryOut(&aftermath)
    }

    /// A worker is being started; from now on its channel can be written to.
    ///
    /// - Parameter takesTaskAtOnce: whether it may be sent its task before it has said that it stands ready.
    mutating func add(
        _ channel: any WorkerChannel,
        for id: WorkerID,
        takesTaskAtOnce: Bool,
        _ aftermath: inout Aftermath
    ) {
        guard let state = machine.workers[id] else {
            preconditionFailure("only workers that the machine has asked for are started")
        }
        let index = Self.index(of: id)
        while workers.count <= index { workers.append(nil) }
        workers[index] = WorkerEnd(state, channel: channel)
        guard takesTaskAtOnce else { return }
        tellTime()
        machine.workerReachable(id, actions: &actions)
        carryOut(&aftermath)
    }

    /// A worker could not be started, which is tried again later with another channel.
    mutating func startPostponed(_ id: WorkerID, _ aftermath: inout Aftermath) {
        tellTime()
        takeBackPayloads(of: id)
        machine.startPostponed(id, actions: &actions)
        carryOut(&aftermath)
    }

    /// No worker can be started any more.
    mutating func cannotStartWorkers(_ reason: PoolError, _ aftermath: inout Aftermath) {
        tellTime()
        brokenReason = reason
        machine.cannotStartWorkers(actions: &actions)
        carryOut(&aftermath)
    }

    /// The pool's initializer failed in a worker.
    mutating func initializerFailed(_ failure: PoolError, _ aftermath: inout Aftermath) {
        tellTime()
        if initializerFailure == nil { initializerFailure = failure }
        machine.initializerFailed(actions: &actions)
        carryOut(&aftermath)
    }

    /// Whether a worker's memory is still to be looked at; if not, an order will come when it is again.
    mutating func keepsWatching(_ id: WorkerID) -> Bool {
        guard channel(of: id) != nil else { return false }
        let isAtWork = !machine.tasks(of: id).isEmpty
        worker(id)!.isWatched = isAtWork
        return isAtWork
    }

    // MARK: Parts

    /// The clock is read only where it matters, because that takes longer than much else here.
    mutating func tellTime(ifNeeded: Bool = false) {
        if !ifNeeded || machine.needsTime { machine.now = monotonicNanoseconds() }
    }

    /// Whoever asks knows that the task has not ended.
    subscript(task: TaskID) -> PoolTask? {
        tasks[Self.index(of: task)]?.takeUnretainedValue()
    }

    /// The same without counting references; see ``tasks``.
    func unmanagedRecord(of task: TaskID) -> Unmanaged<PoolTask> {
        tasks[Self.index(of: task)]!
    }

    /// Takes leave of a task that has ended, and hands it on to be told.
    mutating func end(_ task: TaskID, _ completion: Aftermath.Completion, _ aftermath: inout Aftermath) {
        aftermath.add(tasks[Self.index(of: task)].take()!, completion)
    }

    /// Where a task or a worker stands among the others.
    static func index(of id: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: id)) }

    func channel(of id: WorkerID) -> (any WorkerChannel)? { worker(id)?.channel }

    func worker(_ id: WorkerID) -> WorkerEnd? {
        let index = Self.index(of: id)
        guard index < workers.count, let worker = workers[index], worker.id == id else { return nil }
        return worker
    }
}
