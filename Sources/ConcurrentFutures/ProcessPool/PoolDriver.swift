import Synchronization

/// Drives a process pool: the one thread that starts workers, takes what they reply, and sees them die.
///
/// It runs no user code and waits for nobody but its own descriptors. The pool's lock is taken once for all replies that have come together.
///
/// The fields that are not under the lock and can change are the driver thread's own; that is what the unchecked conformance rests on. Here is what
/// other threads call; what the thread does is in `PoolDriver+Thread`, and how it starts workers and sees them end in `PoolDriver+Workers`.
final class PoolDriver: TaskControl, @unchecked Sendable {
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
    let shared: Mutex<Shared>
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

    // The driver thread's own.
    var launcher: (any WorkerLauncher)?
    var memoryWatch: MemoryWatch?
    var links: [WorkerLink] = []
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
        shared = Mutex(Shared(core: PoolCore(configuration, watchesMemory: settings.options.memoryLimit != nil)))
        callbacks = CallbackThread(name: settings.name)
        timers = ServiceThread(name: SystemThread.fittingName(settings.name, suffix: "-timer"))
        judges = ServiceThread(name: SystemThread.fittingName(settings.name, suffix: "-retry"))
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
        shared.withLock { $0.thread.take() }?.detach()
    }

    // MARK: From any thread

    /// Starts the workers that are always to be there.
    func start() {
        withCore { core, aftermath in core.start(&aftermath) }
    }

    func submit<Output>(_ call: EncodedCall<Output>, options: TaskOptions) -> Future<Output> {
        let future = Future(control: self, decoder: call.decoder, callbacks: callbacks)
        let task = PoolTask(
            future: future,
            decoder: call.decoder,
            function: call.function,
            isBatch: call.isBatch,
            itemCount: UInt32(call.itemCount),
            options: options,
            argumentBytes: call.arguments.count,
            payload: RequestPayload(call.arguments),
            attempts: options.limits?.retry?.retriesError.map { _ in AttemptRecord(decoder: call.decoder) }
        )
        entrance?.add(bytes: call.arguments.count)
        withCore { core, aftermath in core.submit(task, &aftermath) { future.assign(task: $0) } }
        return future
    }

    /// The future of a task that never came in.
    func cancelledFuture<Output>() -> Future<Output> {
        let future = Future<Output>(control: self, callbacks: callbacks)
        future.completeCancelled()
        return future
    }

    func cancel(_ task: TaskID) -> Bool {
        withCore { core, aftermath in core.cancel(task, &aftermath) }
    }

    func isRunning(_ task: TaskID) -> Bool {
        shared.withLock { $0.core.isRunning(task) }
    }

    /// The pid of the process that keeps the workers, once there is one.
    var launcherPid: Int32? {
        shared.withLock { $0.launcherPid }
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
        shared.withLock { $0.core.maxWorkers }
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
            let isGone = shared.withLock { shared in
                if !shared.isGone { shared.waiters.append(continuation) }
                return shared.isGone
            }
            if isGone { continuation.resume() }
        }
        shared.withLock { $0.thread.take() }?.join()
        await timers.drain()
        guard afterCallbacks else { return }
        await judges.drain()
        await callbacks.drain()
    }

    @discardableResult
    func withCore<Result>(_ body: (inout PoolCore, inout Aftermath) -> sending Result) -> Result {
        var aftermath = Aftermath()
        let result = shared.withLock { shared in
            let result = body(&shared.core, &aftermath)
            // An alarm that is set too early is let go off, and then set anew: most limits of time never matter.
            if let time = shared.core.nextTime(), time < shared.alarmTime {
                shared.alarmTime = time
                alarm.set(time)
            }
            return result
        }
        if aftermath.driverHasOrders { wakeDriver() }
        if aftermath.endedCount > 0 { entrance?.leave(count: aftermath.endedCount, bytes: aftermath.endedBytes) }
        aftermath.perform { question in
            judges.schedule { self.answer(question) }
        }
        return result
    }

    /// Reads the error that a task has thrown, and asks its policy whether it is to be run again.
    func answer(_ question: Aftermath.Question) {
        guard let payload = question.outcome.payload, let error = question.decoder.error(in: payload) else {
            preconditionFailure("only a task that has thrown an error is asked about")
        }
        let isRunAgain = question.isRunAgain?(error) ?? false
        withCore { core, aftermath in core.judged(question.task, isRunAgain: isRunAgain, error, &aftermath) }
    }

    func wakeDriver() {
        let mustStart = shared.withLock { shared in
            if shared.isGone { return false }
            defer { shared.hasThread = true }
            return !shared.hasThread
        }
        guard mustStart else { return bell.ring() }
        do {
            let thread = try SystemThread.startJoinable(name: "cf-driver") { self.run() }
            shared.withLock { $0.thread = thread }
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
        shared.withLock { $0.hasThread = false }
        if isStopped { leave() }
    }
}
