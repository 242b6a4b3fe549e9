import Foundation
import Synchronization

@testable import ConcurrentFutures

/// Uses up what the system gives this process, until it is given back. For a worker: a whole test run must not go without.
final class Hoard {
    enum Kind: String, Codable, CaseIterable, Sendable { case descriptors, memory }

    private var numbers: [Int32] = []
    private let resource: __rlimit_resource_t
    private var earlier = rlimit()

    init(_ kind: Kind) throws {
        resource = .init((kind == .descriptors ? RLIMIT_NOFILE : RLIMIT_AS).rawValue)
        getrlimit(resource, &earlier)
        var limit = earlier
        switch kind {
        case .descriptors:
            limit.rlim_cur = 200
        case .memory:
            let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[0]
            limit.rlim_cur = UInt(pages)! * UInt(getpagesize()) + 16 << 20
        }
        setrlimit(resource, &limit)
        guard kind == .descriptors else { return }
        while case let number = dup(0), number >= 0 { numbers.append(number) }
    }

    func giveOneBack() {
        close(numbers.removeLast())
    }

    func giveBack() {
        for number in numbers { close(number) }
        numbers = []
        setrlimit(resource, &earlier)
    }
}

// Functions that run in workers, and want for something there.

enum ShortageWork {
    struct LostResult: Codable, Sendable {
        var error: String
        var code: PoolError.Code?
        var isSameWorker: Bool
        var nextCount: Int
    }

    /// Has a pool whose host has no room for a result.
    static func loseResult(_ kind: Hoard.Kind) async throws -> LostResult {
        let size = 32 << 20
        return try await withProcessPool(maxWorkers: 1) { pool async throws in
            let pid = try await pool.run(ProcessWork.pid, 0)
            let hoard = try Hoard(kind)
            let error = await pool.submit(ProcessWork.make, size).result.error
            hoard.giveBack()
            return LostResult(
                error: error.map { String(describing: $0) } ?? "none",
                code: (error as? PoolError)?.code,
                isSameWorker: try await pool.run(ProcessWork.pid, 0) == pid,
                nextCount: try await pool.run(ProcessWork.make, size).count
            )
        }
    }

    /// Has no room for the handle of a worker, and then asks that worker to end.
    ///
    /// - Returns: the signal that ended it.
    static func terminateWithoutHandle() async throws -> Int32 {
        let settings = try PoolSettings(
            maxWorkers: 1,
            minWorkers: 0,
            startMethod: .forkServer,
            name: "test",
            options: ProcessPoolOptions()
        )
        let launcher = try KeeperLauncher(settings)
        defer { launcher.close(inHaste: true) }
        let new = try NewChannel()
        try launcher.launch(1, new, standardError: nil)
        let hoard = try Hoard(.descriptors)
        let pid = try next(launcher) { event in
            if case .started(1, let pid) = event { pid } else { nil }
        }
        hoard.giveBack()
        // It is ready once it has reset its signals.
        guard await becomesTrue({ !new.channel.prepareToSleep() }) else {
            throw PoolError(.timedOut, "\(pid) is not ready")
        }
        launcher.terminate(1)
        return try next(launcher) { event in
            if case .ended(1, let status) = event { status.signal } else { nil }
        }
    }

    /// Waits without Dispatch, which traps where it has no descriptors.
    private static func next<Value>(
        _ launcher: KeeperLauncher,
        _ find: (LauncherEvent) -> Value?
    ) throws -> Value {
        let end = ContinuousClock.now + testBound
        while ContinuousClock.now < end {
            if let found = launcher.events().lazy.compactMap(find).first { return found }
            usleep(1000)
        }
        throw PoolError(.timedOut, "it was not told")
    }

    struct ShortMessage: Codable, Sendable {
        var bytes: [UInt8]
        var isComplete: Bool
        var keepsNone: Bool
    }

    /// Is sent three descriptors, and has room for one.
    static func receiveWithoutRoom() throws -> ShortMessage {
        let (here, there) = try MessageSocket.pair()
        let bell = try Doorbell()
        try there.send([7], descriptors: [Int32](repeating: bell.descriptor.number, count: 3))
        let hoard = try Hoard(.descriptors)
        hoard.giveOneBack()
        let message = try here.receive()!
        let spare = dup(0)
        close(spare)
        hoard.giveBack()
        return ShortMessage(
            bytes: message.bytes,
            isComplete: (try? message.descriptors.get()) != nil,
            keepsNone: spare >= 0
        )
    }

    /// Has a pool whose workers are given more big arguments than this process may have descriptors.
    ///
    /// - Returns: how many have come, and why others have not.
    static func sendMany(_ number: Int) async throws -> [String] {
        limitDescriptors(to: 200)
        return try await withProcessPool(maxWorkers: 8, minWorkers: 8) { pool async throws in
            let bytes = ProcessWork.make(100_000)
            let futures = (0..<number).map { _ in pool.submit(count, bytes) }
            var outcomes: [String] = []
            for future in futures {
                switch await future.result {
                case .success(let count): outcomes.append("\(count)")
                case .failure(let error): outcomes.append("\(error)")
                }
            }
            return Set(outcomes).sorted() + ["\(outcomes.count)"]
        }
    }

    private static func count(_ bytes: [UInt8]) -> Int {
        usleep(1000)
        return bytes.count
    }

    /// Has a pool whose host has no room for a big argument's file while a task runs.
    ///
    /// - Returns: 1 if that was the end of it, and what came in the end.
    static func sendLater(_ gate: FileGate) async throws -> [Int] {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let running = pool.submit(Work.passGate, gate, "running")
            guard await becomesTrue({ gate.hasBegun("running") }) else { throw PoolError(.timedOut, "nothing runs") }
            let hoard = try Hoard(.descriptors)
            let sent = pool.submit(ProcessWork.count, ProcessWork.make(100_000))
            let wasDone = sent.isDone
            hoard.giveBack()
            try gate.release()
            _ = try await running.value
            return [wasDone ? 1 : 0, try await sent.value]
        }
    }

    /// Has a pool whose host has no room for a big argument's file while nothing runs.
    static func sendInVain() async throws -> PoolError? {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            _ = try await pool.run(Work.answer)
            let hoard = try Hoard(.descriptors)
            let error = await pool.submit(ProcessWork.count, ProcessWork.make(100_000)).result.error
            hoard.giveBack()
            guard try await pool.run(ProcessWork.count, ProcessWork.make(100_000)) == 100_000 else { return nil }
            return error as? PoolError
        }
    }

    /// Has a pool whose fork server has no room for another worker's descriptors until that has been said, while one worker runs a task.
    ///
    /// - Parameter words: the path of the file that is this process's standard error meanwhile. The process's own last words are in it, too.
    static func workOnWithFewer(_ gate: FileGate, _ words: String) async throws {
        let earlier = dup(2)
        let file = open(words, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard earlier >= 0, file >= 0, dup2(file, 2) == 2 else { throw SystemError("open(\(words))") }
        close(file)
        defer {
            dup2(earlier, 2)
            close(earlier)
        }
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let first = pool.submit(Work.passGate, gate, "first")
            guard await becomesTrue({ gate.hasBegun("first") }) else { throw PoolError(.timedOut, "nothing runs") }
            let forkServer = pool.forkServerPid!
            let earlier = limitDescriptors(of: forkServer, to: 1)
            let second = pool.submit(Work.passGate, gate, "second")
            let isSaid = await becomesTrue {
                (try? String(contentsOfFile: words, encoding: .utf8))?.hasSuffix("\n") == true
            }
            _ = limitDescriptors(of: forkServer, to: earlier)
            guard isSaid, await becomesTrue({ gate.hasBegun("second") }), !first.isDone else {
                throw PoolError(.timedOut, "the second task has not begun beside the first")
            }
            try gate.release()
            _ = try await (first.value, second.value)
        }
    }

    /// Answers more requests with big results than this process's user may have files under way, while nobody takes them.
    ///
    /// - Returns: how many replies have come, and how many could not be sent.
    static func answerMany(_ number: Int) async throws -> [Int] {
        becomeAnotherUser()
        limitDescriptors(to: 64)
        let (channel, end) = try RingChannel.make(bell: Doorbell())
        let answers = Answers(try RingTaskChannel(end))
        for _ in 0..<number {
            try channel.send(.ofOneByte(isUrgent: true))
        }
        try SystemThread.start(name: "answers") { answers.give(number) }
        // Whether it has come to its limit cannot be seen from here if it waits; the longer this does, the surer it has.
        guard await becomesTrue({ answers.count >= 50 }) else { throw PoolError(.timedOut, "no answers") }
        try await Task.sleep(for: .milliseconds(200))
        var replies = 0
        guard
            try await becomesTrue({
                try channel.receive(atMost: .max) { reply in
                    if reply.kind == .outcome, (try? reply.payload.count) == 100_000 { replies += 1 }
                }
                return answers.count == number && channel.prepareToSleep()
            })
        else { throw PoolError(.timedOut, "\(answers.count) answers, \(replies) replies") }
        return [replies, answers.failures]
    }

    private final class Answers: @unchecked Sendable {
        private let channel: RingTaskChannel
        private let counts = Mutex((answers: 0, failures: 0))

        init(_ channel: RingTaskChannel) {
            self.channel = channel
        }

        var count: Int { counts.withLock { $0.answers } }
        var failures: Int { counts.withLock { $0.failures } }

        func give(_ number: Int) {
            let bytes = ProcessWork.make(100_000)
            bytes.withUnsafeBytes { bytes in
                try! channel.reply(.ready, sequence: 0, lateness: .none, payload: .none)
                for _ in 0..<number {
                    let sequence = channel.nextRequest { _, _ in }!.header.sequence
                    let isSent: Void? = try? channel.reply(
                        .outcome,
                        sequence: sequence,
                        lateness: .none,
                        payload: ReplyPayload(bytes)
                    )
                    counts.withLock { counts in
                        counts.answers += 1
                        if isSent == nil { counts.failures += 1 }
                    }
                }
            }
        }
    }

    /// Some limits are not those of the system's administrator.
    static func becomeAnotherUser() {
        if getuid() == 0 { setuid(64321) }
    }
}
