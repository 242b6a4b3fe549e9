import Synchronization

/// Drives a process pool: the one thread that starts workers, takes what they reply, and sees them die.
///
/// It runs no user code and waits for nobody but its own descriptors. The pool's lock is taken once for all replies that have come together.
///
/// The fields that are not under the lock are the driver thread's own; that is what the unchecked conformance rests on.
final class PoolDriver: TaskControl, @unchecked Sendable {
    private struct Shared: ~Copyable {
        var core: PoolCore
        var thread: SystemThread?
        var hasThread = false
        var launcherPid: Int32?
        var isGone = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private let startMethod: StartMethod
    private let shared: Mutex<Shared>
    private let callbacks: CallbackThread
    private let poller: Poller
    private let bell: Doorbell
    private let relay: StandardErrorRelay

    private var launcher: (any WorkerLauncher)?
    private var links: [WorkerLink] = []
    /// Launchers that were lost one after the other without a worker having been started.
    private var launchersLostInVain = 0

    private enum Token {
        static let bell: UInt64 = 0
        static let launcher: UInt64 = 1
        /// A worker's is its number plus this.
        static let firstWorker: UInt64 = 2
    }

    private static let mostLaunchersLostInVain = 3
    /// How many times to look for a reply, yielding in between, before sleeping; see ``RingTaskChannel``.
    private static let looksBeforeSleeping = 60
    private static let turnsBetweenEvents = 32

    init(
        configuration: PoolStateMachine.Configuration,
        startMethod: StartMethod,
        name: String
    ) throws(SystemError) {
        self.startMethod = startMethod
        shared = Mutex(Shared(core: PoolCore(configuration)))
        callbacks = CallbackThread(name: name)
        poller = try Poller()
        bell = try Doorbell()
        relay = try StandardErrorRelay()
        try poller.add(bell.descriptor, token: Token.bell)
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
            function: call.function,
            isBatch: call.isBatch,
            itemCount: UInt32(call.itemCount),
            options: options,
            payload: RequestPayload(call.arguments)
        )
        withCore { core, aftermath in core.submit(task, &aftermath) { future.assign(task: $0) } }
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

    func cancelAll() {
        withCore { core, aftermath in core.cancelAll(&aftermath) }
    }

    func shutDown(cancelPending: Bool) {
        withCore { core, aftermath in core.shutDown(cancelPending: cancelPending, &aftermath) }
    }

    /// Returns when everything has ended and no thread or process of the pool is left.
    nonisolated(nonsending) func waitUntilGone() async {
        await withUnsafeContinuation { continuation in
            // Resumed once: here, or by the driver, which takes it out of the list.
            let isGone = shared.withLock { shared in
                if !shared.isGone { shared.waiters.append(continuation) }
                return shared.isGone
            }
            if isGone { continuation.resume() }
        }
        shared.withLock { $0.thread.take() }?.join()
        await callbacks.drain()
    }

    @discardableResult
    private func withCore<Result>(_ body: (inout PoolCore, inout Aftermath) -> sending Result) -> Result {
        var aftermath = Aftermath()
        let result = shared.withLock { shared in body(&shared.core, &aftermath) }
        if aftermath.driverHasOrders { wakeDriver() }
        aftermath.perform()
        return result
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
        case .kill(let id): launcher?.kill(id)
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
            // What a worker said before it went mad counts; what it said after it made no sense does not.
            var senseless: Set<WorkerID> = []
            for (link, reply) in replies where !senseless.contains(link.id) {
                do throws(ChannelFailure) {
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
        poller.wait(timeoutMilliseconds: timeoutMilliseconds) { token in
            switch token {
            case Token.bell: bell.silence()
            case Token.launcher: launcherHasEvents = true
            default: links.first { UInt64($0.id) + Token.firstWorker == token }?.bell.silence()
            }
        }
        if launcherHasEvents || launcher?.deadline != nil { handleLauncherEvents() }
    }

    private func timeoutMilliseconds() -> Int32 {
        guard let deadline = launcher?.deadline else { return -1 }
        let now = monotonicNanoseconds()
        return deadline <= now ? 0 : Int32(clamping: (deadline - now) / 1_000_000 + 1)
    }

    private func leave() {
        launcher?.close()
        relay.close()
        callbacks.close()
        let waiters = shared.withLock { shared in
            shared.isGone = true
            defer { shared.waiters = [] }
            return shared.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: Workers

    private func startWorker(_ id: WorkerID) {
        do {
            let launcher = try self.launcher ?? startLauncher()
            let bell = try Doorbell()
            let (tap, writing) = try relay.makeTap()
            let channel: any WorkerChannel
            do {
                try poller.add(bell.descriptor, token: UInt64(id) + Token.firstWorker)
                channel = try launcher.launch(id, bell: bell, standardError: writing)
            } catch {
                _ = relay.remove(tap)
                throw error
            }
            tap.follow(channel)
            links.append(WorkerLink(id: id, channel: channel, bell: bell, standardError: tap))
            shared.withLock { $0.core.add(channel, for: id) }
        } catch {
            workerDidNotStart(id, String(describing: error))
        }
    }

    private func startLauncher() throws -> any WorkerLauncher {
        let launcher = try KeeperLauncher(method: startMethod)
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
        if let link = remove(id) { _ = relay.remove(link.standardError) }
        let failure = PoolError(.brokenPool, "a worker cannot be started: \(reason)")
        withCore { core, aftermath in
            core.workerEnded(id, running: false, failure: failure, isKeepersFault: false, &aftermath)
        }
    }

    private func remove(_ id: WorkerID) -> WorkerLink? {
        guard let index = links.firstIndex(where: { $0.id == id }) else { return nil }
        let link = links.remove(at: index)
        poller.remove(link.bell.descriptor)
        return link
    }

    /// - Parameter status: `nil` if the worker went with its launcher, so that nobody knows.
    private func workerEnded(_ id: WorkerID, _ status: ExitStatus?) {
        // What it had answered counts, whatever happened then.
        _ = receiveReplies()
        guard let link = remove(id) else { return }
        let standardError = relay.remove(link.standardError)
        let victim = shared.withLock { $0.core.victim(of: id) }
        let failure = PoolError.workerEnded(link, status: status, victim: victim, standardError: standardError)
        withCore { core, aftermath in
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
