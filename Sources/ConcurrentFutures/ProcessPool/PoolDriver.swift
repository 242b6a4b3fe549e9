import Synchronization

/// Drives a process pool: the one thread that starts workers, takes what they reply, and sees them die.
///
/// It runs no user code and waits for nobody but its own descriptors. The pool's lock is taken once for all replies that have come together. Threads that
/// wait for a task take replies too, in its place: see `PoolDriver+Receiving`.
///
/// The fields that are not under the lock and can change are the driver thread's own; that is what the unchecked conformance rests on. Here is what
/// other threads call; what the thread does is in `PoolDriver+Thread`, and how it starts workers and sees them end in `PoolDriver+Workers`.
final class PoolDriver: @unchecked Sendable {
    struct Shared: ~Copyable {
        var core: PoolCore
        /// For when the alarm is set.
        var alarmTime = UInt64.max
        var thread: SystemThread?
        var hasThread = false
        var launcherPid: Int32?
        var isGone = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    let settings: PoolSettings
    private let forkGeneration = CurrentProcess.forkGeneration
    /// Only to be taken by ``locked(_:)`` and what is beside it.
    private let shared: Lock<Shared>
    /// To be taken before the pool's lock, if both are.
    let reception = Lock(Reception())
    /// Tasks that nobody has taken in yet: who submits one does not wait for the lock.
    private let inbox = TaskInbox()
    /// What ``PoolStateMachine/isWaitingForWorkers`` was when the lock was let go of last.
    private let isWaitingForWorkers = Atomic<Bool>(false)
    /// Whether the thread has orders that it has not taken, or everything has ended.
    let hasOrders = Atomic<Bool>(false)
    /// How many threads have told the state machine that tasks have ended, and not yet the futures.
    private let unfinished = Atomic<Int>(0)
    let callbacks: CallbackThread
    /// For the deadlines of those who wait at the entrance; all others are the state machine's.
    let timers: ServiceThread
    /// Where the programs' own retry policies are asked, so that neither tasks nor callbacks wait for one another because of them.
    let judges: ServiceThread
    let entrance: Entrance?
    let poller: Poller
    let bell: Doorbell
    let alarm: Alarm
    let relay: StandardErrorRelay
    /// Changes whenever somebody waits for a task; see ``Urgency``.
    private let waits = Atomic<UInt>(0)

    // The driver thread's own.
    var launcher: (any WorkerLauncher)?
    var memoryWatch: MemoryWatch?
    var links: [WorkerLink] = []
    /// Of workers that have ended, to be let go of when there is nothing else to do: what they hold is given back to the system, and others may wait to be started.
    var endedLinks: [WorkerLink] = []
    /// For the next worker: to make one takes a fifth as long as the fork, and the worker that is to end before it is at work meanwhile.
    var spareChannel: NewChannel?
    /// Whether it is to be made when there is nothing else to do.
    var wantsSpareChannel = false
    /// Launchers that were lost one after the other without a worker having been started.
    var launchersLostInVain = 0
    var postponedStarts = PostponedStarts()

    enum Token {
        static let bell: UInt64 = 0
        static let launcher: UInt64 = 1
        static let alarm: UInt64 = 2
        /// A worker's is its number plus this.
        static let firstWorker: UInt64 = 3
    }

    init(_ settings: PoolSettings) throws(SystemError) {
        self.settings = settings
        let configuration = PoolStateMachine.Configuration(
            maxWorkers: settings.maxWorkers,
            minWorkers: settings.minWorkers,
            channelRoom: ChannelLayout.ringSize - 2 * RequestHeader.size,
            gracePeriod: settings.gracePeriod.clampedNanoseconds,
            maxTasksPerWorker: settings.options.maxTasksPerWorker,
            idleTimeout: settings.options.idleTimeout?.clampedNanoseconds
        )
        memoryWatch = settings.options.memoryLimit.map { MemoryWatch(limit: UInt64($0)) }
        shared = Lock(Shared(core: PoolCore(configuration, watchesMemory: settings.options.memoryLimit != nil)))
        callbacks = CallbackThread(name: settings.name)
        timers = ServiceThread(name: ThreadName(settings.name, suffix: "-timer"))
        judges = ServiceThread(name: ThreadName(settings.name, suffix: "-retry"))
        entrance = Entrance(
            maxPending: settings.options.maxPending,
            maxPendingBytes: settings.options.maxPendingBytes,
            timers: timers
        )
        poller = try Poller()
        bell = try Doorbell()
        alarm = try Alarm()
        relay = try StandardErrorRelay()
        try poller.add(bell.descriptor, token: Token.bell)
        try poller.add(alarm.descriptor, token: Token.alarm)
    }

    deinit {
        // Whoever waited for the end has joined it.
        locked { $0.thread.take() }?.detach()
    }

    /// Whether this process was forked from the one that made the pool: the pool's thread is not here, and its locks may be held for ever.
    var isForked: Bool { CurrentProcess.forkGeneration != forkGeneration }

    // MARK: From any thread

    /// Starts the workers that are always to be there.
    func start() {
        withCore { core, aftermath in core.start(&aftermath) }
    }

    /// Encodes a call and takes it in.
    ///
    /// - Throws: as ``EncodedCall/init(_:options:source:)`` does.
    func submit<Output>(_ call: TaskCall<Output>, options: TaskOptions) throws(PoolError) -> Future<Output> {
        let task = PoolTask(try call.body.encodedForWorker(options), options: options, driver: self)
        // Of the call's type, which what is encoded does not know any more.
        let future: Future<Output> = task.makeFuture()
        entrance?.add(bytes: task.argumentBytes)
        let count = inbox.put(task)
        // See ``locked(_:)`` for why one that may stay is not forgotten.
        let mayStay = options.limits == nil && count < Self.mostLeftInInbox
        if mayStay, isWaitingForWorkers.load(ordering: .sequentiallyConsistent) { return future }
        takeIn()
        return future
    }

    /// How many tasks may wait to be taken in together: each then costs neither the lock nor what the lock protects, which the thread that takes replies uses all
    /// the time.
    private static let mostLeftInInbox = 64

    func cancel(_ task: PoolTask) -> Bool {
        withCore { core, aftermath in core.cancel(task, &aftermath) }
    }

    /// Somebody waits for a task, or waited for one that has ended.
    func noteWait() {
        waits.wrappingAdd(1, ordering: .relaxed)
    }

    func isRunning(_ task: PoolTask) -> Bool {
        // One that is in the inbox is not known, and does not run.
        locked { $0.core.isRunning(task) }
    }

    /// The pid of the process that keeps the workers, once there is one.
    var launcherPid: Int32? {
        locked { $0.launcherPid }
    }

    /// - Parameter gracePeriod: in nanoseconds.
    func terminate(gracePeriod: UInt64) {
        withCore { core, aftermath in core.terminate(gracePeriod: gracePeriod, &aftermath) }
        // Not before: who is let in by this is to be refused.
        entrance?.close()
    }

    func resize(to maxWorkers: Int) {
        withCore { core, aftermath in core.resize(to: maxWorkers, &aftermath) }
    }

    var maxWorkers: Int {
        locked { $0.core.maxWorkers }
    }

    func shutDown(cancelPending: Bool) {
        withCore { core, aftermath in core.shutDown(cancelPending: cancelPending, &aftermath) }
        entrance?.close()
    }

    /// Returns when everything has ended and no thread or process of the pool is left.
    ///
    /// - Parameter afterCallbacks: whether to wait until the program's own callbacks and policies have returned, too.
    nonisolated(nonsending) func waitUntilGone(afterCallbacks: Bool) async {
        await withUnsafeContinuation { continuation in
            // Resumed once: here, or by the driver, which takes it out of the list.
            let isGone = locked { shared in
                if !shared.isGone { shared.waiters.append(continuation) }
                return shared.isGone
            }
            if isGone { continuation.resume() }
        }
        locked { $0.thread.take() }?.join()
        await timers.drain()
        guard afterCallbacks else { return }
        await judges.drain()
        await callbacks.drain()
    }

    /// Whether no task waits to be taken in; for tests.
    var isInboxEmpty: Bool { inbox.isEmpty }

    // MARK: The lock

    /// Calls the body with the pool's lock.
    ///
    /// Every thread looks into the inbox after it has let the lock go. So whoever has put a task in and finds the lock taken can leave: the one who has it
    /// will let it go later, and look. (The four steps, put and try, let go and look, are in one order for all threads.)
    ///
    /// Whoever finds that no worker can be given a task can leave as well: somebody will have the lock to change that, say so before letting it go, and look.
    func locked<Result>(_ body: (inout Shared) -> Result) -> Result {
        let result = shared.withLock { shared in
            let result = body(&shared)
            let isWaiting = shared.core.machine.isWaitingForWorkers
            assert(
                isWaiting == isWaitingForWorkers.load(ordering: .relaxed),
                "only decide(_:_:) may have the state machine decide: what is in the inbox would be forgotten"
            )
            return result
        }
        takeIn()
        return result
    }

    /// So many times a thread looks whether others have put something in while it took in what was there.
    private static let mostTurnsOfTakingIn = 16

    /// Takes in what is in the inbox, unless somebody else is about to.
    private func takeIn() {
        var turns = 0
        while !inbox.isEmpty {
            turns += 1
            // Where many submit at once, none of them is to be kept for the others' sake.
            if turns > Self.mostTurnsOfTakingIn, leaveInboxToThread() { return }
            let aftermath = shared.withLockIfAvailable { shared in
                var aftermath = Aftermath()
                takeIn(&shared.core, &aftermath)
                prepareToLetGo(&shared, aftermath)
                return aftermath
            }
            guard let aftermath else { return }
            if !aftermath.isEmpty { perform(aftermath) }
        }
    }

    /// - Returns: whether the pool's thread is there to look into the inbox, now or when it leaves.
    private func leaveInboxToThread() -> Bool {
        guard shared.withLock({ $0.hasThread && !$0.isGone }) else { return false }
        hasOrders.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
        return true
    }

    private func takeIn(_ core: inout PoolCore, _ aftermath: inout Aftermath) {
        let isWaitedFor = core.urgency.noteWaits(waits.load(ordering: .relaxed))
        inbox.takeAll { core.submit($0, &aftermath) }
        // Some of them came before that wait.
        if isWaitedFor { core.urgency.noteWait() }
    }

    /// Calls the body with the lock, and does what comes of it without.
    @discardableResult
    func withCore<Result>(_ body: (inout PoolCore, inout Aftermath) -> Result) -> Result {
        var aftermath = Aftermath()
        let result = decide(&aftermath, body)
        finish(aftermath)
        return result
    }

    /// Calls the body with the lock. What comes of it is left to ``finish(_:)``, which is to be called without any.
    func decide<Result>(
        _ aftermath: inout Aftermath,
        _ body: (inout PoolCore, inout Aftermath) -> Result
    ) -> Result {
        shared.withLock { shared in
            // What came before it comes before it.
            takeIn(&shared.core, &aftermath)
            let result = body(&shared.core, &aftermath)
            prepareToLetGo(&shared, aftermath)
            return result
        }
    }

    func finish(_ aftermath: consuming Aftermath) {
        perform(aftermath)
        takeIn()
    }

    /// With the lock, after all that was decided with it.
    private func prepareToLetGo(_ shared: inout Shared, _ aftermath: borrowing Aftermath) {
        setAlarm(&shared)
        let isWaiting = shared.core.machine.isWaitingForWorkers
        if isWaiting != isWaitingForWorkers.load(ordering: .relaxed) {
            isWaitingForWorkers.store(isWaiting, ordering: .sequentiallyConsistent)
        }
        // Whoever sees with the lock that all tasks have ended can wait until the futures know.
        if aftermath.endedCount > 0 { unfinished.add(1, ordering: .sequentiallyConsistent) }
    }

    /// Waits until other threads have told all futures of what has ended. That takes them no time, unless the program's own executors, on which tasks
    /// are resumed, hold them up; then not for ever.
    func waitForOthersToFinish() {
        let end = monotonicNanoseconds() + (isTerminated ? Self.patienceInHaste : Self.patienceWithOthers)
        while unfinished.load(ordering: .sequentiallyConsistent) > 0, monotonicNanoseconds() < end { yieldProcessor() }
    }

    private static let patienceWithOthers: UInt64 = 1_000_000_000
    private static let patienceInHaste: UInt64 = 100_000_000

    private func setAlarm(_ shared: inout Shared) {
        // An alarm that is set too early is let go off, and then set anew: most limits of time never matter.
        guard let time = shared.core.nextTime(), time < shared.alarmTime else { return }
        shared.alarmTime = time
        alarm.set(time)
    }

    private func perform(_ aftermath: consuming Aftermath) {
        if aftermath.driverHasOrders {
            hasOrders.store(true, ordering: .sequentiallyConsistent)
            wakeDriver()
        }
        if aftermath.endedCount > 0 { entrance?.leave(count: aftermath.endedCount, bytes: aftermath.endedBytes) }
        let hasEnded = aftermath.endedCount > 0
        aftermath.perform { question in
            judges.schedule { self.answer(question) }
        }
        if hasEnded { unfinished.subtract(1, ordering: .sequentiallyConsistent) }
    }

    /// Reads the error that a task has thrown, and asks its policy whether it is to be run again.
    func answer(_ question: Aftermath.Question) {
        guard let payload = question.outcome.payload, let error = question.reader.error(in: payload) else {
            // It was one when it came: its worker has changed it since.
            let error = PoolError(.workerMisbehaved, "the worker changed the error that its task had thrown")
            withCore { core, aftermath in core.judged(question.task, isRunAgain: false, error, &aftermath) }
            return
        }
        let isRunAgain = question.isRunAgain?(error) ?? false
        withCore { core, aftermath in core.judged(question.task, isRunAgain: isRunAgain, error, &aftermath) }
    }

    func wakeDriver() {
        let mustStart = locked { shared in
            if shared.isGone { return false }
            defer { shared.hasThread = true }
            return !shared.hasThread
        }
        guard mustStart else { return bell.ring() }
        do {
            let thread = try SystemThread.startJoinable(name: "cf-driver") { self.run() }
            locked { $0.thread = thread }
        } catch {
            fail(PoolError(.brokenPool, "the pool's thread cannot be started: \(error)", underlying: error))
        }
    }

    /// The pool cannot even begin. What the driver would have to do is done, or given up, here.
    func fail(_ reason: PoolError) {
        let isStopped = withCore { core, aftermath in
            core.cannotStartWorkers(reason, &aftermath)
            for case .start(let id) in core.takeOrders() {
                core.workerEnded(id, running: false, failure: reason, isKeepersFault: true, &aftermath)
            }
            aftermath.driverHasOrders = false
            return core.isStopped
        }
        locked { $0.hasThread = false }
        if isStopped { leave() }
    }
}
