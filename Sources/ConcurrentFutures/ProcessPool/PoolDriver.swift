import Synchronization

/// Drives a process pool: the one thread that starts workers, takes what they reply, and sees them die.
///
/// It runs no user code and waits for nobody but its own descriptors. The pool's lock is taken once for all replies that have come together.
///
/// The fields that are not under the lock are the driver thread's own; that is what the unchecked conformance rests on.
final class PoolDriver: TaskControl, @unchecked Sendable {
    private struct Shared: ~Copyable {
        var core: PoolCore
        /// For when the alarm is set.
        var alarmTime = UInt64.max
        var thread: SystemThread?
        var hasThread = false
        var launcherPid: Int32?
        var isGone = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private let settings: PoolSettings
    private let shared: Mutex<Shared>
    private let callbacks: CallbackThread
    /// For the deadlines of those who wait at the entrance; all others are the state machine's.
    private let timers: ServiceThread
    /// Where the programs' own retry policies are asked, so that neither tasks nor callbacks wait for one another because of them.
    private let judges: ServiceThread
    let entrance: Entrance?
    private let poller: Poller
    private let bell: Doorbell
    private let alarm: Alarm
    private let relay: StandardErrorRelay

    private var launcher: (any WorkerLauncher)?
    private var memoryWatch: MemoryWatch?
    private var links: [WorkerLink] = []
    /// Launchers that were lost one after the other without a worker having been started.
    private var launchersLostInVain = 0

    private enum Token {
        static let bell: UInt64 = 0
        static let launcher: UInt64 = 1
        static let alarm: UInt64 = 2
        /// A worker's is its number plus this.
        static let firstWorker: UInt64 = 3
    }

    private static let mostLaunchersLostInVain = 3
    /// How many times to look for a reply, yielding in between, before sleeping; see ``RingTaskChannel``.
    private static let looksBeforeSleeping = 60
    private static let turnsBetweenEvents = 32

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
    private func withCore<Result>(_ body: (inout PoolCore, inout Aftermath) -> sending Result) -> Result {
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
    private func answer(_ question: Aftermath.Question) {
        guard let payload = question.outcome.payload, let error = question.decoder.error(in: payload) else {
            preconditionFailure("only a task that has thrown an error is asked about")
        }
        let isRunAgain = question.isRunAgain?(error) ?? false
        withCore { core, aftermath in core.judged(question.task, isRunAgain: isRunAgain, error, &aftermath) }
    }

    private func wakeDriver() {
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
    private func fail(_ reason: PoolError) {
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

    // MARK: The driver thread

    private func run() {
        SystemThread.blockSignals()
        var looks = 0
        var busyTurns = 0
        while true {
            let (orders, isStopped) = shared.withLock { ($0.core.takeOrders(), $0.core.isStopped) }
            if isStopped { break }
            for order in orders { obey(order) }
            watchMemory()
            if receiveReplies() {
                looks = 0
                busyTurns += 1
                // One worker that always has something to say must not hide another's death.
                if busyTurns.isMultiple(of: Self.turnsBetweenEvents) { handleEvents(timeoutMilliseconds: 0) }
            } else if looks < Self.looksBeforeSleeping, !links.isEmpty {
                looks += 1
                yieldProcessor()
            } else {
                looks = 0
                sleep()
            }
        }
        leave()
    }

    private func obey(_ order: PoolCore.Order) {
        switch order {
        case .start(let id): startWorker(id)
        case .terminate(let id):
            links.first { $0.id == id }?.isUnwanted = true
            launcher?.terminate(id)
        case .kill(let id):
            links.first { $0.id == id }?.isUnwanted = true
            launcher?.kill(id)
        case .abandonWorkers: abandonWorkers()
        case .watchMemory(let id):
            memoryWatch?.begin(id, now: monotonicNanoseconds())
        }
    }

    /// Looks at the memory of the workers whose turn it is.
    private func watchMemory() {
        guard let nextLook = memoryWatch?.nextLook else { return }
        let now = monotonicNanoseconds()
        guard nextLook <= now else { return }
        for id in memoryWatch?.due(now: now) ?? [] {
            guard let link = links.first(where: { $0.id == id }) else { continue }
            guard shared.withLock({ $0.core.keepsWatching(id) }) else {
                memoryWatch?.pause(id)
                continue
            }
            if link.memory == nil, let pid = link.pid { link.memory = try? ProcessMemory.Reader(pid: pid) }
            if memoryWatch?.saw(id, link.memory?.read()?.own, now: now) != nil {
                link.isOverMemoryLimit = true
                launcher?.kill(id)
            }
        }
    }

    /// - Returns: whether there were any.
    private func receiveReplies() -> Bool {
        var replies: [(WorkerLink, Reply)] = []
        for link in links where link.misbehaviour == nil {
            do {
                try link.channel.receive { replies.append((link, $0)) }
            } catch {
                putDown(link, error)
            }
        }
        guard !replies.isEmpty else { return false }
        withCore { core, aftermath in
            core.tellTime(ifNeeded: true)
            // What a worker said before it went mad counts; what it said after it made no sense does not.
            var senseless: Set<WorkerID> = []
            for (link, reply) in replies where !senseless.contains(link.id) {
                do throws(ChannelFailure) {
                    if try isOfInitializer(reply, link) { continue }
                    if reply.kind == .ready { try beginToWatch(link, reply.payload) }
                    try core.received(reply, from: link.id, &aftermath)
                } catch {
                    senseless.insert(link.id)
                    putDown(link, error)
                }
            }
        }
        if replies.contains(where: { $0.1.kind == .ready }) { launchersLostInVain = 0 }
        return true
    }

    /// Notes what a worker says of its start.
    ///
    /// - Returns: whether that was all.
    private func isOfInitializer(_ reply: Reply, _ link: WorkerLink) throws(ChannelFailure) -> Bool {
        if reply.kind == .ready { link.isReady = true }
        guard reply.kind == .initializerFailed else { return false }
        try link.receivedInitializerFailure(reply.payload)
        // It ends by itself; what it wrote last is known once it has.
        launcher?.kill(link.id)
        return true
    }

    /// A worker says how much memory it had at its birth, if that matters.
    private func beginToWatch(_ link: WorkerLink, _ payload: Payload) throws(ChannelFailure) {
        guard memoryWatch != nil else { return }
        guard payload.count == 8 else { throw ChannelFailure(message: "it did not tell its memory") }
        memoryWatch?.add(link.id, baseline: payload.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    }

    /// A worker has written what no sound worker writes. How it ends is told like any other end.
    private func putDown(_ link: WorkerLink, _ failure: ChannelFailure) {
        link.misbehaviour = failure
        launcher?.kill(link.id)
    }

    private func sleep() {
        var isQuiet = true
        for link in links where link.misbehaviour == nil { isQuiet = link.channel.prepareToSleep() && isQuiet }
        handleEvents(timeoutMilliseconds: isQuiet ? timeoutMilliseconds() : 0)
        for link in links { link.channel.wakeUp() }
    }

    private func handleEvents(timeoutMilliseconds: Int32) {
        var launcherHasEvents = false
        var timeHasPassed = false
        poller.wait(timeoutMilliseconds: timeoutMilliseconds) { token in
            switch token {
            case Token.bell: bell.silence()
            case Token.launcher: launcherHasEvents = true
            case Token.alarm:
                alarm.silence()
                timeHasPassed = true
            default: links.first { UInt64($0.id) + Token.firstWorker == token }?.bell.silence()
            }
        }
        if launcherHasEvents || launcher?.deadline != nil { handleLauncherEvents() }
        if timeHasPassed { handleTime() }
    }

    private func handleTime() {
        // What has ended has ended in time, if that has been said before its time was looked at.
        _ = receiveReplies()
        shared.withLock { $0.alarmTime = .max }
        withCore { core, aftermath in core.timePassed(&aftermath) }
    }

    private func timeoutMilliseconds() -> Int32 {
        guard let deadline = [launcher?.deadline, memoryWatch?.nextLook].compactMap(\.self).min() else { return -1 }
        let now = monotonicNanoseconds()
        return deadline <= now ? 0 : Int32(clamping: (deadline - now) / 1_000_000 + 1)
    }

    private func leave() {
        launcher?.close()
        relay.close()
        timers.close()
        judges.close()
        callbacks.close()
        let waiters = shared.withLock { shared in
            shared.isGone = true
            defer { shared.waiters = [] }
            return shared.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: Workers

    private func abandonWorkers() {
        guard let launcher else { return }
        launcher.abandon()
        handleLauncherEvents()
    }

    private func startWorker(_ id: WorkerID) {
        do {
            let launcher = try self.launcher ?? startLauncher()
            let bell = try Doorbell()
            let tap = settings.options.standardError == .capture ? try relay.makeTap() : nil
            let channel: any WorkerChannel
            do {
                try poller.add(bell.descriptor, token: UInt64(id) + Token.firstWorker)
                channel = try launcher.launch(id, bell: bell, standardError: tap?.writing)
            } catch {
                if let tap { _ = relay.remove(tap.reading) }
                throw error
            }
            tap?.reading.follow(channel)
            links.append(WorkerLink(id: id, channel: channel, bell: bell, standardError: tap?.reading))
            shared.withLock { $0.core.add(channel, for: id) }
        } catch {
            workerDidNotStart(id, String(describing: error))
        }
    }

    private func startLauncher() throws -> any WorkerLauncher {
        let launcher = try KeeperLauncher(settings)
        try poller.add(launcher.descriptor, token: Token.launcher)
        self.launcher = launcher
        shared.withLock { $0.launcherPid = launcher.pid }
        return launcher
    }

    private func handleLauncherEvents() {
        guard let launcher else { return }
        for event in launcher.events() {
            switch event {
            case .started(let id, let pid): links.first { $0.id == id }?.pid = pid
            case .startFailed(let id, let reason): workerDidNotStart(id, reason)
            case .ended(let id, let status): workerEnded(id, status)
            case .unable(let reason): launcherIsUnable(reason)
            case .lost: launcherWasLost()
            }
        }
    }

    private func workerDidNotStart(_ id: WorkerID, _ reason: String) {
        if let tap = remove(id)?.standardError { _ = relay.remove(tap) }
        let failure = PoolError(.brokenPool, "a worker cannot be started: \(reason)")
        withCore { core, aftermath in
            core.workerEnded(id, running: false, failure: failure, isKeepersFault: false, &aftermath)
        }
    }

    private func remove(_ id: WorkerID) -> WorkerLink? {
        guard let index = links.firstIndex(where: { $0.id == id }) else { return nil }
        let link = links.remove(at: index)
        poller.remove(link.bell.descriptor)
        memoryWatch?.remove(id)
        return link
    }

    /// - Parameter status: `nil` if the worker went with its launcher, so that nobody knows.
    private func workerEnded(_ id: WorkerID, _ status: ExitStatus?) {
        // What it had answered counts, whatever happened then.
        _ = receiveReplies()
        let memoryPeak = memoryWatch?.peak(of: id) ?? 0
        guard let link = remove(id) else { return }
        let standardError = link.standardError.map(relay.remove) ?? ""
        let victim = shared.withLock { $0.core.victim(of: id) }
        let failure =
            PoolError.limitExceeded(
                link,
                status: status,
                victim: victim,
                standardError: standardError,
                memoryPeak: memoryPeak,
                options: settings.options
            ) ?? PoolError.workerEnded(link, status: status, victim: victim, standardError: standardError)
        let initializerFailure = PoolError.initializerFailed(
            link,
            status: status,
            initializer: settings.initializer,
            standardError: standardError
        )
        withCore { core, aftermath in
            if let initializerFailure { core.initializerFailed(initializerFailure, &aftermath) }
            core.workerEnded(
                id,
                running: victim != nil,
                failure: failure,
                isKeepersFault: status == nil,
                &aftermath
            )
        }
    }

    private func launcherWasLost() {
        closeLauncher()
        launchersLostInVain += 1
        if launchersLostInVain >= Self.mostLaunchersLostInVain {
            cannotStartWorkers("the fork server ends before it has started a worker")
        }
        for link in links { workerEnded(link.id, nil) }
    }

    private func launcherIsUnable(_ reason: String) {
        closeLauncher()
        cannotStartWorkers(reason)
        for link in links { workerEnded(link.id, nil) }
    }

    private func closeLauncher() {
        guard let launcher else { return }
        poller.remove(launcher.descriptor)
        launcher.close()
        self.launcher = nil
    }

    private func cannotStartWorkers(_ reason: String) {
        let failure = PoolError(.brokenPool, reason)
        withCore { core, aftermath in core.cannotStartWorkers(failure, &aftermath) }
    }
}
