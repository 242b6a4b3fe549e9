/// The keeper: one child of the host, with one thread, that forks, watches, kills and reaps all workers of a pool and whatever they
/// leave behind, and goes when the host goes.
///
/// Only it knows the workers as children, so only it can tell how they ended, and nothing of theirs is ever taken for the host's own.
final class ForkServer {
    private let socket: MessageSocket
    private let host: Descriptor
    private let settingsFile: Descriptor
    private let settings: KeeperSettings
    private let deaths: Doorbell
    private let poller: Poller
    private var workers: [Int32: WorkerID] = [:]
    private var functions = FunctionTable()
    /// How often it has forked, or tried to.
    private var forkCount = 0

    private enum Token {
        static let socket: UInt64 = 0
        static let host: UInt64 = 1
        static let deaths: UInt64 = 2
    }

    /// - Parameters:
    ///   - socket: on which commands come and reports go.
    ///   - host: a handle of the host's process. A child that the host forked keeps the socket open after the host's death; this tells.
    ///   - settings: the file with the ``KeeperSettings``.
    init(socket: MessageSocket, host: Descriptor, settings: Descriptor) throws {
        CurrentProcess.resetSignals()
        CurrentProcess.setName("cf-forkserver")
        try CurrentProcess.adoptOrphans()
        self.socket = socket
        self.host = host
        settingsFile = settings
        self.settings = try KeeperSettings(from: settings)
        deaths = try Doorbell()
        try ChildProcesses.ringAtDeaths(deaths)
        poller = try Poller()
        try poller.add(socket.descriptor, token: Token.socket)
        try poller.add(host, token: Token.host)
        try poller.add(deaths.descriptor, token: Token.deaths)
    }

    /// Serves until the host is gone, then leaves nothing behind.
    func run() throws -> Never {
        try report(.ready(images: LoadedImages.handshake()))
        if let directory = settings.workingDirectory { try changeDirectory(to: directory) }
        if let preload = settings.preload { try run(preload) }
        // Workers inherit these, whatever the preload has made of them.
        CurrentProcess.readStandardInputFromNothing()
        CurrentProcess.bufferStandardOutputByLine()
        CurrentProcess.dumpNoCore()
        var hostIsGone = false
        while !hostIsGone {
            var commandsWait = false
            var childrenDied = false
            poller.wait(timeoutMilliseconds: -1) { token in
                switch token {
                case Token.socket: commandsWait = true
                case Token.host: hostIsGone = true
                default: childrenDied = true
                }
            }
            if childrenDied { buryTheDead() }
            if commandsWait, !hostIsGone { hostIsGone = !obeyNextCommand() }
        }
        leaveNothing()
    }

    private func report(_ report: KeeperReport, descriptors: [Descriptor] = []) throws {
        try socket.send(report, descriptors: descriptors)
    }

    // MARK: What comes before the first worker

    private func changeDirectory(to path: String) throws {
        do {
            try Directory.change(to: path)
        } catch {
            throw Obstacle(description: "workingDirectory is \"\(path)\", where it cannot work: \(error)")
        }
    }

    /// Ends this process if it throws.
    private func run(_ preload: StartupMessage) throws {
        let threads = try CurrentProcess.threadCount()
        // Nothing is heard of the host while the function runs, however long: the system ends this process with it.
        try CurrentProcess.dieWithParent(CurrentProcess.parent)
        if ProcessHandle.hasEnded(host) { leaveNothing() }
        do {
            try preload.run()
        } catch {
            try report(.preloadFailed(RemoteError(error)))
            CurrentProcess.flushStandardStreams()
            leaveNothing()
        }
        try CurrentProcess.outliveParent()
        // It may have had signals mean something else. A child of its own may have ended meanwhile.
        CurrentProcess.resetSignals()
        try ChildProcesses.ringAtDeaths(deaths)
        deaths.ring()
        if threads == 1 {
            let more = try threadsLeftBehind()
            guard more == 0 else {
                throw Obstacle(
                    description: """
                        preload left \(more) thread(s) running, and a process with threads cannot be forked safely; let it end \
                        them, or do the same in an initializer
                        """
                )
            }
        }
        try report(.preloaded)
    }

    /// The threads that live beside this one. One that was joined may still be listed for a moment.
    private func threadsLeftBehind() throws -> Int {
        let deadline = monotonicNanoseconds() + 200_000_000
        while true {
            let count = try CurrentProcess.threadCount() - 1
            if count == 0 || monotonicNanoseconds() > deadline { return count }
            yieldProcessor()
        }
    }

    // MARK: Commands

    /// - Returns: whether the host is still there.
    private func obeyNextCommand() -> Bool {
        do {
            guard let (command, descriptors) = try socket.receive(KeeperCommand.self) else { return false }
            switch command {
            case .start(let id, let method):
                do {
                    guard let descriptors = WorkerDescriptors(try descriptors.get()) else { return false }
                    try start(id, method, descriptors)
                } catch {
                    let isShortage = (error as? SystemError)?.isShortage == true
                    try report(.startFailed(id, reason: String(describing: error), isShortage: isShortage))
                }
            case .prepare(let number, let definition):
                definition.withUnsafeBytes { functions.define(number, $0) }
            case .terminate(let id):
                if let pid = pid(of: id) { ChildProcesses.terminate(pid) }
            case .kill(let id):
                if let pid = pid(of: id) { ChildProcesses.killGroup(pid) }
            }
            return true
        } catch {
            // Either the host has just gone, or it and this process no longer understand each other.
            return false
        }
    }

    /// Until it is reaped the number is the worker's.
    private func pid(of id: WorkerID) -> Int32? { workers.first { $0.value == id }?.key }

    private func start(_ id: WorkerID, _ method: StartMethod, _ descriptors: WorkerDescriptors) throws {
        if method == .forkServer { try getReadyToFork() }
        let pid =
            switch method {
            case .forkServer: try forkWorker(id, descriptors)
            case .spawn: try forkToSpawnWorker(id, descriptors)
            }
        // Until it is reaped the number is the child's, so the handle cannot be of another process.
        workers[pid] = id
        let handle = try? ProcessHandle(pid: pid)
        if let handle, (try? report(.started(id, pid: pid), descriptors: [handle.descriptor])) != nil { return }
        // The host can do without a handle. What it must not be told is that there is no worker: it may have begun a task.
        if (try? report(.started(id, pid: pid))) == nil { ChildProcesses.killGroup(pid) }
    }

    private func forkWorker(_ id: WorkerID, _ descriptors: WorkerDescriptors) throws -> Int32 {
        let plan = WorkerPlan(
            id,
            keeper: CurrentProcess.pid,
            descriptors: descriptors,
            settings: settings.worker,
            functions: functions,
            mainQueue: MainQueue.Inheritance()
        )
        let threadNumber = ThreadNumber.ofMainThread()
        let pid = try ChildProcesses.fork()
        guard pid == 0 else { return pid }
        threadNumber.renew(to: CurrentProcess.pid)
        // What the other signals mean it inherits, from when this process gave them their default meanings.
        ChildProcesses.ringAtDeathsNoMore()
        Worker.run(plan)
    }

    private func forkToSpawnWorker(_ id: WorkerID, _ descriptors: WorkerDescriptors) throws -> Int32 {
        let keeper = CurrentProcess.pid
        let pid = try ChildProcesses.fork()
        guard pid == 0 else { return pid }
        becomeSpawnedWorker(id, keeper: keeper, descriptors)
    }

    private func getReadyToFork() throws {
        if forkCount == 0 {
            // Nothing runs here later on that could start a thread.
            let threads = try CurrentProcess.threadCount()
            guard threads == 1 else {
                throw PoolError(
                    .unsupportedHost,
                    """
                    something in this program started \(threads - 1) thread(s) before main, and a process with threads cannot be \
                    forked safely; use startMethod: .spawn
                    """
                )
            }
        }
        if forkCount == Self.forksBeforeRehearsal { rehearse() }
        forkCount += 1
    }

    /// It takes a millisecond, in which a worker could be at work: the first ones do not wait for it.
    private static let forksBeforeRehearsal = 2

    /// Does once for all workers from now on what each would have to do for itself. It is only about speed, and what a worker cannot do it tells itself.
    private func rehearse() {
        try? Rehearsal.perform()
        Rehearsal.makeCalls(pollingOn: host)
    }

    private func becomeSpawnedWorker(_ id: WorkerID, keeper: Int32, _ descriptors: WorkerDescriptors) -> Never {
        do {
            try CurrentProcess.dieWithParent(keeper)
            CurrentProcess.resetSignals()
            let invitation = try OwnProgram.Invitation()
            let numbers = descriptors.all.map(\.number)
            let role = ProcessRole.worker(id, keeper: keeper, settings: settingsFile.number, descriptors: numbers)
            try invitation.socket.send(encoding: role)
            throw OwnProgram.replaceCurrentProcess(invitation, keeping: numbers + [settingsFile.number])
        } catch {
            if let standardError = descriptors.standardError { CurrentProcess.redirectStandardError(to: standardError) }
            Worker.fail(error)
        }
    }

    // MARK: Deaths

    private func buryTheDead() {
        deaths.silence()
        while case .child(let pid) = ChildProcesses.nextDead() { bury(pid) }
    }

    private func bury(_ pid: Int32) {
        // Before it is reaped: afterwards its number, and so its group's, may be another's.
        if workers[pid] != nil { ChildProcesses.killGroup(pid) }
        let status = ChildProcesses.reap(pid)
        if let id = workers.removeValue(forKey: pid) {
            // If the host has gone, its end of the socket says so at the next look.
            try? report(.ended(id, status))
        }
        killStrays()
    }

    /// Kills what a worker started and left: such processes become children of this one when their parent ends.
    private func killStrays() {
        for child in CurrentProcess.children() where workers[child] == nil { ChildProcesses.killGroup(child) }
    }

    private func leaveNothing() -> Never {
        for pid in workers.keys { ChildProcesses.killGroup(pid) }
        // Nobody is listened to any more.
        poller.remove(socket.descriptor)
        poller.remove(host)
        while true {
            // Again and again: the system's list may lack one while others come and go.
            killStrays()
            switch ChildProcesses.nextDead() {
            case .child(let pid):
                _ = ChildProcesses.reap(pid)
                workers[pid] = nil
            case .none:
                poller.wait(timeoutMilliseconds: Self.timeBetweenKills) { _ in deaths.silence() }
            case .noChildren:
                CurrentProcess.end(code: 0)
            }
        }
    }

    private static let timeBetweenKills: Int32 = 20
}

/// Why a fork server cannot do its work, in words that name what its host's user can change.
private struct Obstacle: Error, CustomStringConvertible {
    var description: String
}
