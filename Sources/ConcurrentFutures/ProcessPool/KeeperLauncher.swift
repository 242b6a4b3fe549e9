/// Launches workers through a fork server, this program's own child.
final class KeeperLauncher: WorkerLauncher {
    private let settings: PoolSettings
    private let clock: () -> UInt64
    private let socket: MessageSocket
    private let process: ProcessHandle
    /// Watches the socket, the fork server, and the workers: who has ended is to be reported soon.
    private let poller: Poller
    private static let socketToken = UInt64.max
    private static let processToken = UInt64.max - 1
    private var handles: [WorkerID: ProcessHandle] = [:]
    /// Those that were asked for and have neither failed to start nor ended, and whether each is to end.
    private var workers: [WorkerID: Bool] = [:]
    private var isLost = false
    private enum Phase: Equatable {
        case starting(deadline: UInt64)
        /// It runs `preload`, as long as that takes.
        case preloading
        case ready
    }

    private var phase: Phase
    /// Workers that were asked for before it was ready.
    private var expected: Set<WorkerID> = []
    /// Workers of which it has to be told that they have started or ended, and how often it was looked in vain whether that has come.
    private var awaited: [WorkerID: Int] = [:]
    /// When to see whether the fork server is what that hangs on, while anything is awaited.
    private var nextLook: UInt64 = 0
    /// Whether it was ended because nobody waited for it any more.
    private var isUnwanted = false

    /// How long a fork server may take until it stands ready; it takes some 10 ms, on a machine that is not overloaded.
    private static let timeToStart: UInt64 = 30_000_000_000
    /// How long until it is looked whether its process was stopped; then it is given up at once.
    private static let timeBetweenLooks: UInt64 = 2_000_000_000
    /// So often it is looked in vain whether a fork server has started a worker, or told the end of one, before it is given up: for some ten
    /// seconds. Time in which nobody looked does not count: then this program stood still, and perhaps the fork server with it.
    private static let mostLooksInVain = 5
    /// A process that was killed ends at once, unless it sleeps in the system where it cannot be woken.
    private static let timeToDie = Duration.seconds(1)
    /// A fork server that has no more workers ends at once, unless it was stopped.
    private static let timeToLeave = Duration.seconds(5)
    private static let timeToLeaveBeforeLooking = Duration.seconds(1)
    private static let timeToLeaveInHaste = Duration.milliseconds(100)

    /// Starts a fork server. It gets ready on its own; see ``deadline``.
    ///
    /// - Parameter clock: tells the time, in nanoseconds.
    /// - Throws: ``SystemError`` if this program cannot be started once more.
    init(_ settings: PoolSettings, clock: @escaping () -> UInt64 = monotonicNanoseconds) throws {
        self.settings = settings
        self.clock = clock
        let invitation = try OwnProgram.Invitation()
        let host = try ProcessHandle(pid: CurrentProcess.pid)
        let file = try KeeperSettings(settings).inFile()
        try invitation.socket.send(
            encoding: ProcessRole.forkServer,
            descriptors: [host.descriptor, file.descriptor]
        )
        poller = try Poller()
        try poller.add(invitation.socket.descriptor, token: Self.socketToken)
        process = try .adopting(try OwnProgram.start(invitation, environment: Self.environment(settings)))
        // Its end of the socket may be held by another, a child that a `preload` has forked, so that its death would not show there.
        try poller.add(process.descriptor, token: Self.processToken)
        socket = invitation.socket
        try socket.makeNonBlocking()
        phase = .starting(deadline: clock() + Self.timeToStart)
    }

    var deadline: UInt64? {
        switch phase {
        case .starting(let deadline): deadline
        case .preloading: nil
        case .ready: awaited.isEmpty ? nil : nextLook
        }
    }

    private func becomeReady() {
        phase = .ready
        for id in expected { awaitAnswer(about: id) }
        expected = []
    }

    private func awaitAnswer(about id: WorkerID) {
        let now = clock()
        if awaited.isEmpty { nextLook = now + Self.timeBetweenLooks }
        if awaited[id] == nil { awaited[id] = 0 }
    }

    /// Whether it is certain enough that no answer will come.
    private func isBeyondHope(at now: UInt64) -> Bool {
        if process.isStopped { return true }
        nextLook = now + Self.timeBetweenLooks
        for id in awaited.keys { awaited[id]! += 1 }
        return awaited.values.contains { $0 >= Self.mostLooksInVain }
    }

    /// Swift's backtraces cost a tenth of a second and more for each crash, and on a terminal wait for a key: workers print none unless
    /// the program's own environment or the pool's asks for them.
    private static func environment(_ settings: PoolSettings) -> [String: String?] {
        var environment = settings.options.environment
        let name = "SWIFT_BACKTRACE"
        let wanted = environment[name] ?? CurrentProcess.environmentVariable(name)
        environment[name] = .some(wanted.map { $0 + ",interactive=no" } ?? "enable=no")
        return environment
    }

    var descriptor: Descriptor { poller.descriptor }
    var pid: Int32 { process.pid }

    func launch(_ id: WorkerID, _ channel: NewChannel, standardError: Descriptor?) throws {
        let descriptors = WorkerDescriptors(channel: channel.workerEnd, standardError: standardError)
        do {
            try socket.send(KeeperCommand.start(id, settings.startMethod), descriptors: descriptors.all)
        } catch let error as SystemError where error.isDisconnected {
            // A fork server that is gone is told by `events()`, and with it what became of this worker.
        }
        workers[id] = false
        if phase == .ready { awaitAnswer(about: id) } else { expected.insert(id) }
    }

    var isReady: Bool { phase == .ready }

    /// In a process that has just been forked nothing is known of a function's types, and to look them up among all of the program takes longer than
    /// the fork. No code of the program runs for it.
    func prepare(_ function: TaskFunctionName) {
        guard settings.startMethod == .forkServer, function.definition.count <= Self.largestPrepared else { return }
        try? socket.send(KeeperCommand.prepare(number: function.number, definition: function.definition))
    }

    /// In bytes, so that a message holds it.
    private static let largestPrepared = 4096

    func terminate(_ id: WorkerID) {
        if let handle = handles[id] { return handle.terminate() }
        // There was no room for its handle.
        try? socket.send(KeeperCommand.terminate(id))
    }

    func abandon() {
        isUnwanted = true
        for handle in handles.values { handle.killGroup() }
        process.kill()
    }

    func kill(_ id: WorkerID) {
        // Who kills may not have heard yet that it has ended, and no answer would come.
        guard workers[id] != nil else { return }
        workers[id] = true
        handles[id]?.kill()
        try? socket.send(KeeperCommand.kill(id))
        guard phase != .ready else { return awaitAnswer(about: id) }
        expected.remove(id)
        // It hears of nothing before it is ready, and nobody shall have to wait for that.
        if expected.isEmpty { abandon() }
    }

    func events() -> [LauncherEvent] {
        guard !isLost else { return [] }
        var events: [LauncherEvent] = []
        takeNews(&events)
        // Only now: it may have answered in time, and this program was stopped, so that nobody read it.
        if !isLost, let deadline, case let now = clock(), now > deadline {
            guard phase == .ready else {
                events.append(.unable(reason: "the fork server did not stand ready within 30 seconds"))
                return events
            }
            if isBeyondHope(at: now) {
                // Nothing would tell what becomes of its workers.
                abandon()
                process.waitUntilEnded(by: .now + Self.timeToDie)
                takeNews(&events)
                // Also if it sleeps in the system and cannot be killed.
                isLost = true
            }
        }
        guard isLost else { return events }
        events.append(loss())
        // Until a worker has ended it could begin a task that is about to be given to another.
        for handle in handles.values { handle.killGroup() }
        let deadline = ContinuousClock.now + Self.timeToDie
        for handle in handles.values { handle.waitUntilEnded(by: deadline) }
        return events
    }

    /// Reads what the fork server has said until now, and notes if it will say nothing more.
    private func takeNews(_ events: inout [LauncherEvent]) {
        var hasEnded = false
        poller.wait(timeoutMilliseconds: 0) { token in
            if token == Self.processToken { hasEnded = true }
            guard let handle = handles[token] else { return }
            poller.remove(handle.descriptor)
            awaitAnswer(about: token)
        }
        var mayHaveMore = true
        while mayHaveMore {
            do {
                guard let (report, descriptors) = try socket.receive(KeeperReport.self) else {
                    isLost = true
                    break
                }
                if let event = event(for: report, descriptors) { events.append(event) }
            } catch let error as SystemError where error.isTransient {
                // All that it had said before it ended has been read.
                isLost = isLost || hasEnded
                break
            } catch let error as SystemError where error.isDisconnected {
                // It went with something unread. The system tells that once, before what it had said.
                mayHaveMore = !isLost
                isLost = true
            } catch {
                // It is of no more use: it has gone mad.
                isLost = true
                break
            }
        }
    }

    /// What it means that the fork server is lost: another one would end in the same `preload`.
    private func loss() -> LauncherEvent {
        guard phase == .preloading, !isUnwanted else { return .lost }
        process.kill()
        let end = process.waitForEnd().map { " \($0.sentence)" } ?? " ended"
        return .unable(reason: "preload failed: the fork server\(end) while it ran \(preloadName)")
    }

    private var preloadName: String { settings.preload?.displayName ?? "it" }

    private func event(for report: KeeperReport, _ descriptors: Result<[Descriptor], SystemError>) -> LauncherEvent? {
        switch report {
        case .ready(let images):
            if settings.preload == nil { becomeReady() } else { phase = .preloading }
            guard let name = LoadedImages.mismatch(with: images) else { return nil }
            return .unable(
                reason: """
                    \(name) was replaced while this program ran, so that a new process has other code than this one; \
                    start the program anew
                    """
            )
        case .unable(let reason):
            return .unable(reason: reason)
        case .preloaded:
            becomeReady()
            return nil
        case .preloadFailed(let error):
            return .unable(reason: "preload failed: \(preloadName) threw \(error)")
        case .started(let id, let pid):
            awaited[id] = nil
            if let descriptor = try? descriptors.get().first {
                handles[id] = ProcessHandle(pid: pid, received: descriptor)
                // Without being watched its end is still reported.
                try? poller.add(descriptor, token: id)
            }
            // The fork server may not have been told, if it had too much else to read.
            if workers[id] == true { kill(id) }
            return .started(id, pid: pid)
        case .startFailed(let id, let reason, let isShortage):
            workers[id] = nil
            awaited[id] = nil
            return .startFailed(id, reason: reason, isShortage: isShortage)
        case .ended(let id, let status):
            if let handle = handles.removeValue(forKey: id) { poller.remove(handle.descriptor) }
            workers[id] = nil
            awaited[id] = nil
            return .ended(id, status)
        }
    }

    func close(inHaste: Bool) {
        let mayLeaveByItself = !isLost && phase == .ready
        socket.shutDown()
        if mayLeaveByItself {
            process.waitUntilEnded(by: .now + (inHaste ? Self.timeToLeaveInHaste : Self.timeToLeaveBeforeLooking))
            if !inHaste, !process.isStopped { process.waitUntilEnded(by: .now + Self.timeToLeave) }
        }
        // Its workers go with it.
        process.kill()
        process.waitUntilEnded(by: .now + Self.timeToDie)
        // One that sleeps in the system is left to it; its entry in the system's table stays as long as this program.
        if process.hasEnded { process.waitForEnd() }
    }
}

extension KeeperSettings {
    fileprivate init(_ settings: PoolSettings) {
        workingDirectory = settings.workingDirectory
        preload = settings.preload?.message
        let options = settings.options
        worker = WorkerSettings(
            initializer: settings.initializer?.message,
            niceness: options.niceness,
            processors: options.processors?.sorted(),
            processorTimeLimit: options.cpuTimeLimit.map { max(1, $0.clampedNanoseconds) },
            memoryLimit: options.memoryLimit.map(UInt64.init)
        )
    }
}
