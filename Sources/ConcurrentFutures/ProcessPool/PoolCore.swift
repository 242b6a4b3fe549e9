/// Everything of a process pool that is shared between the threads that use it and its driver, under one lock: the state machine, the
/// tasks, and the sending ends of the workers' channels.
///
/// Nothing here waits, and nothing here runs user code: what has to happen without the lock is collected in an ``Aftermath``. What replies mean
/// and how tasks end stands in `PoolCore+Results.swift`.
struct PoolCore: ~Copyable {
    final class WorkerEnd {
        let id: WorkerID
        let channel: any WorkerChannel
        /// Whether the worker has been sent the definition of the function with this number; false for those beyond the end.
        private var knownFunctions: [Bool] = []
        /// Whether the driver looks at its memory.
        var isWatched = false

        init(id: WorkerID, channel: any WorkerChannel) {
            self.id = id
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
    private var tasks: [PoolTask?] = []
    /// By the lower half of the worker's number, as with the tasks.
    var workers: [WorkerEnd?] = []
    var actions: PoolStateMachine.Actions = []
    /// What the driver has to do.
    private var orders: [Order] = []
    /// By their numbers, the functions that workers have been sent.
    private var usedFunctions: [UInt32: TaskFunctionName] = [:]
    /// Those of them that the launcher has not been told of.
    private var newFunctions: [TaskFunctionName] = []
    /// Why no worker can be started.
    var brokenReason: PoolError?
    /// How the pool's initializer failed; then that is why.
    private(set) var initializerFailure: PoolError?
    /// Whether everything has ended.
    private(set) var isStopped = false

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

    private let watchesMemory: Bool

    init(_ configuration: PoolStateMachine.Configuration, watchesMemory: Bool) {
        machine = PoolStateMachine(configuration: configuration)
        self.watchesMemory = watchesMemory
    }

    // MARK: For those who use the pool

    mutating func start(_ aftermath: inout Aftermath) {
        machine.start(actions: &actions)
        carryOut(&aftermath)
    }

    /// Takes a task in.
    mutating func submit(_ task: PoolTask, _ aftermath: inout Aftermath) {
        tellTime(ifNeeded: task.limits == nil)
        let id = machine.submit(cost: task.cost, limits: task.limits, actions: &actions)
        task.id = id
        let index = Int(UInt32(truncatingIfNeeded: id))
        if index == tasks.count { tasks.append(task) } else { tasks[index] = task }
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
    mutating func add(_ channel: any WorkerChannel, for id: WorkerID) {
        let index = Int(UInt32(truncatingIfNeeded: id))
        while workers.count <= index { workers.append(nil) }
        workers[index] = WorkerEnd(id: id, channel: channel)
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
        _read { yield tasks[Int(UInt32(truncatingIfNeeded: task))] }
        _modify { yield &tasks[Int(UInt32(truncatingIfNeeded: task))] }
    }

    /// Takes leave of a task that has ended.
    mutating func take(_ task: TaskID, _ aftermath: inout Aftermath) -> PoolTask {
        let record = tasks[Int(UInt32(truncatingIfNeeded: task))].take()!
        aftermath.endedCount += 1
        aftermath.endedBytes += record.argumentBytes
        return record
    }

    func channel(of id: WorkerID) -> (any WorkerChannel)? { worker(id)?.channel }

    func worker(_ id: WorkerID) -> WorkerEnd? {
        let index = Int(UInt32(truncatingIfNeeded: id))
        guard index < workers.count, let worker = workers[index], worker.id == id else { return nil }
        return worker
    }

    // MARK: Actions

    mutating func carryOut(_ aftermath: inout Aftermath) {
        // Carrying out one action may append others.
        var next = 0
        while next < actions.count {
            let action = actions[next]
            next += 1
            switch action {
            case .send(let task, let worker): send(task, to: worker, &aftermath)
            case .complete(let task, let ending):
                let record = take(task, &aftermath)
                aftermath.completions.append((record, completion(of: record, ending)))
            case .revoke(let task, let worker): revoke(task, from: worker)
            case .lookAtStart(let worker): lookAtStart(by: worker)
            case .lookWhetherBegun(let worker): lookWhetherBegun(worker)
            case .climb(let worker): machine.climb(worker, actions: &actions)
            case .askToStop(let worker, let onlyItem): askToStop(worker, onlyItem: onlyItem)
            case .startWorker(let id): order(.start(id), &aftermath)
            case .terminateWorker(let id): order(.terminate(id), &aftermath)
            case .killWorker(let id): order(.kill(id), &aftermath)
            case .abandonWorkers: order(.abandonWorkers, &aftermath)
            case .tellShortage: order(.say(shortage), &aftermath)
            case .stopWorker(let id):
                // A stop always has room; if it did not go out, the worker is killed after a while.
                guard let channel = channel(of: id) else { continue }
                try? channel.sendStop()
                aftermath.sentTo(channel)
            case .stopped:
                isStopped = true
                aftermath.driverHasOrders = true
            }
        }
        actions.removeAll(keepingCapacity: true)
    }

    private mutating func order(_ order: Order, _ aftermath: inout Aftermath) {
        orders.append(order)
        aftermath.driverHasOrders = true
    }

    private mutating func send(_ task: TaskID, to id: WorkerID, _ aftermath: inout Aftermath) {
        let worker = worker(id)!
        let channel = worker.channel
        let record = self[task]!
        let function = record.function
        let isNew = worker.learn(function.number)
        if isNew, usedFunctions.updateValue(function, forKey: function.number) == nil {
            newFunctions.append(function)
        }
        let payload = record.payload.take()!
        let request = OutgoingRequest(
            functionNumber: function.number,
            definition: isNew ? function.definition : [],
            isBatch: record.isBatch,
            itemCount: record.itemCount,
            firstItem: record.batch?.itemsDone ?? 0,
            attempt: UInt16(clamping: machine.attempt(of: task)),
            timing: record.timing,
            payload: payload
        )
        do {
            try channel.send(request)
            if watchesMemory, !worker.isWatched {
                worker.isWatched = true
                orders.append(.watchMemory(id))
                aftermath.driverHasOrders = true
            }
            aftermath.sentTo(channel)
        } catch {
            if isNew { worker.forget(function.number) }
            record.payload = payload
            record.failure = PoolError(unsendable: record, error)
            tellTime()
            machine.sendFailed(task, to: id, isShortage: error.isShortage, actions: &actions)
        }
    }

    private mutating func revoke(_ task: TaskID, from id: WorkerID) {
        guard let index = machine.revocation(of: task, from: id, actions: &actions), let channel = channel(of: id)
        else { return }
        // It may be on its way there once more, behind this in the list of what is to be done.
        guard index < channel.inFlightCount else { return actions.append(.revoke(task, from: id)) }
        guard channel.revoke(at: index) else { return machine.revokeCameTooLate(task, actions: &actions) }
        self[task]!.payload = channel.payload(at: index)
        machine.revoked(task, actions: &actions)
    }

    private mutating func lookAtStart(by id: WorkerID) {
        guard let index = machine.oldestPlace(of: id), let channel = channel(of: id), index < channel.inFlightCount
        else { return }
        let start = channel.isStarted(at: index) ? channel.startedAt : nil
        machine.observedStart(by: id, at: start, actions: &actions)
    }

    private mutating func lookWhetherBegun(_ id: WorkerID) {
        guard let channel = channel(of: id) else { return }
        if let index = machine.oldestPlace(of: id), index < channel.inFlightCount, channel.isStarted(at: index) {
            return
        }
        machine.hasNotBegun(id, actions: &actions)
    }

    private func askToStop(_ id: WorkerID, onlyItem: Bool) {
        // Those before it that were taken back may be in the channel still.
        guard let (index, task) = machine.tasks(of: id).first, let channel = channel(of: id), let record = self[task]
        else { return }
        let item = onlyItem && record.isBatch ? record.batch?.itemsDone ?? 0 : nil
        channel.requestStop(at: index, item: item)
    }
}
