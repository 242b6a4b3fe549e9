/// Launches workers through a fork server, this program's own child.
final class KeeperLauncher: WorkerLauncher {
    private let method: StartMethod
    private let socket: MessageSocket
    private let process: ProcessHandle
    private var handles: [WorkerID: ProcessHandle] = [:]
    private var isLost = false
    private(set) var isReady = false
    private var timeToBeReady: UInt64
    /// Workers that were to start or to end, and have to have done so by then.
    private var awaited: [WorkerID: UInt64] = [:]

    /// How long a fork server may take until it stands ready; it takes some 10 ms, on a machine that is not overloaded.
    private static let timeToStart: UInt64 = 30_000_000_000
    /// How long a fork server may take until it has started or killed a worker, before it is given up.
    private static let timeToObey: UInt64 = 10_000_000_000
    /// A process that was killed ends at once, unless it sleeps in the system where it cannot be woken.
    private static let timeToDie = Duration.seconds(1)
    /// A fork server that has no more workers ends at once, unless it was stopped.
    private static let timeToLeave = Duration.seconds(5)

    /// Starts a fork server. It gets ready on its own; see ``deadline``.
    ///
    /// - Throws: ``SystemError`` if this program cannot be started once more.
    init(method: StartMethod) throws {
        self.method = method
        let invitation = try OwnProgram.Invitation()
        let host = try ProcessHandle(pid: CurrentProcess.pid)
        try invitation.socket.send(encoding: ProcessRole.forkServer, descriptors: [host.descriptor])
        process = try .adopting(try OwnProgram.start(invitation, environment: Self.environment()))
        socket = invitation.socket
        try socket.makeNonBlocking()
        timeToBeReady = monotonicNanoseconds() + Self.timeToStart
    }

    var deadline: UInt64? {
        guard isReady else { return timeToBeReady }
        return awaited.values.min()
    }

    /// Swift's backtraces cost a tenth of a second and more for each crash, and on a terminal wait for a key: workers print none unless
    /// the program's own environment asks for them.
    private static func environment() -> [String: String?] {
        let name = "SWIFT_BACKTRACE"
        guard let wanted = CurrentProcess.environmentVariable(name) else { return [name: "enable=no"] }
        return [name: wanted + ",interactive=no"]
    }

    var descriptor: Descriptor { socket.descriptor }
    var pid: Int32 { process.pid }

    func launch(_ id: WorkerID, bell: Doorbell, standardError: Descriptor) throws -> any WorkerChannel {
        let (channel, end) = try RingChannel.make(bell: bell)
        let descriptors = WorkerDescriptors(channel: end, standardError: standardError)
        do {
            try socket.send(encoding: KeeperCommand.start(id, method), descriptors: descriptors.all)
        } catch let error as SystemError where error.isDisconnected {
            // A fork server that is gone is told by `events()`, and with it what became of this worker.
        }
        if isReady { awaited[id] = monotonicNanoseconds() + Self.timeToObey }
        return channel
    }

    func terminate(_ id: WorkerID) {
        handles[id]?.terminate()
    }

    func abandon() {
        for handle in handles.values { handle.kill() }
        process.kill()
    }

    func kill(_ id: WorkerID) {
        if awaited[id] == nil { awaited[id] = monotonicNanoseconds() + Self.timeToObey }
        handles[id]?.kill()
        try? socket.send(encoding: KeeperCommand.kill(id))
    }

    func events() -> [LauncherEvent] {
        guard !isLost else { return [] }
        var events: [LauncherEvent] = []
        if let deadline, monotonicNanoseconds() > deadline {
            guard isReady else { return [.unable(reason: "the fork server did not stand ready within 30 seconds")] }
            // It was stopped, or hangs. Nothing would tell what becomes of its workers.
            abandon()
            process.waitUntilEnded(by: .now + Self.timeToDie)
        }
        do {
            while let (report, descriptors) = try socket.receive(KeeperReport.self) {
                if let event = event(for: report, descriptors) { events.append(event) }
            }
            events.append(.lost)
        } catch let error as SystemError where error.isTransient {
            return events
        } catch {
            // It is of no more use, whether it is gone or has gone mad.
            events.append(.lost)
        }
        isLost = true
        // Until a worker has ended it could begin a task that is about to be given to another.
        for handle in handles.values { handle.kill() }
        let deadline = ContinuousClock.now + Self.timeToDie
        for handle in handles.values { handle.waitUntilEnded(by: deadline) }
        return events
    }

    private func event(for report: KeeperReport, _ descriptors: [Descriptor]) -> LauncherEvent? {
        switch report {
        case .ready(let images):
            isReady = true
            guard let name = LoadedImages.mismatch(with: images) else { return nil }
            return .unable(
                reason: """
                    \(name) was replaced while this program ran, so that a new process has other code than this one; \
                    start the program anew
                    """
            )
        case .unable(let reason):
            return .unable(reason: reason)
        case .started(let id, let pid):
            awaited[id] = nil
            if let descriptor = descriptors.first { handles[id] = ProcessHandle(pid: pid, received: descriptor) }
            return .started(id, pid: pid)
        case .startFailed(let id, let reason):
            awaited[id] = nil
            return .startFailed(id, reason: reason)
        case .ended(let id, let status):
            handles[id] = nil
            awaited[id] = nil
            return .ended(id, status)
        }
    }

    func close() {
        // It is not reading if it is lost, and otherwise goes when its socket closes.
        if isLost || !isReady { process.kill() }
        socket.shutDown()
        process.waitUntilEnded(by: .now + Self.timeToLeave)
        // Its workers go with it.
        process.kill()
        process.waitForEnd()
    }
}
