import Foundation
import Testing

@testable import ConcurrentFutures

/// Within this time a pool is broken whose initializer fails, also on a machine with much else to do: two workers are started, and no more.
private let promptly = Duration.seconds(10)

@Suite("An initializer", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct InitializerTests {
    enum Shape: CaseIterable, Sendable {
        case value, nothing, asyncValue, asyncNothing

        func call(_ log: String) -> StartupCall {
            switch self {
            case .value: .call(StartupWork.note, "initialized", log)
            case .nothing: .call(StartupWork.noteOnly, "initialized", log)
            case .asyncValue: .call(StartupWork.noteLater, "initialized", log)
            case .asyncNothing: .call(StartupWork.noteOnlyLater, "initialized", log)
            }
        }
    }

    // P8
    @Test("runs once in each worker, before its first task", arguments: StartMethod.allCases, Shape.allCases)
    func oncePerWorker(method: StartMethod, shape: Shape) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let log = directory.file("log")
        try await withProcessPool(maxWorkers: 3, startMethod: method, initializer: shape.call(log)) {
            pool async throws in
            let first = (0..<3).map { pool.submit(StartupWork.notesAtGate, gate, "\($0)") }
            #expect(try await becomesTrue { try gate.begunCount == 3 })
            try gate.release()
            var pids: Set<String> = []
            for future in first + (0..<30).map({ pool.submit(StartupWork.notesAndPid, $0) }) {
                let notes = try await future.value
                #expect(notes.dropLast() == ["initialized"])
                pids.insert(try #require(notes.last))
            }
            let initialized = lines(of: log)
            #expect(pids.count == 3 && initialized.count == 3 && Set(initialized) == pids)
        }
    }

    // P8
    @Test(
        "that throws breaks the pool with what it threw, its words, and no worker more",
        arguments: StartMethod.allCases
    )
    func throwing(method: StartMethod) async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("log")
        let initializer = StartupCall.call(StartupWork.refuse, 5, log)
        let stopwatch = Stopwatch()
        try await withProcessPool(maxWorkers: 2, startMethod: method, initializer: initializer) { pool async throws in
            let futures = (0..<10).map { pool.submit(Work.square, $0) }
            for future in futures { _ = await future.result }
            #expect(stopwatch.elapsed < promptly)
            for future in futures {
                let error = try #require(await future.result.error as? PoolError)
                #expect(error.code == .brokenPool)
                #expect(error.message.hasPrefix("the initializer failed: "))
                #expect(error.message.contains("StartupTests.swift:") && error.message.contains("Refusal(number: 5)"))
                #expect(error.standardError?.contains("the words before the refusal") == true)
                #expect(error.underlying as? Refusal == Refusal(number: 5))
            }
            let later = try #require(await pool.submit(Work.answer).result.error as? PoolError)
            #expect(later.code == .brokenPool && later.underlying is Refusal)
            #expect((1...2).contains(lines(of: log).count))
        }
    }

    // P8
    @Test("that throws an error that is not Codable tells it in words")
    func throwingOtherwise() async throws {
        let initializer = StartupCall.call(StartupWork.refuseInOtherWords)
        try await withProcessPool(maxWorkers: 1, initializer: initializer) { pool async throws in
            let error = try #require(await pool.submit(Work.answer).result.error as? PoolError)
            #expect((error.underlying as? RemoteError)?.message == "not codable")
            #expect(error.message.contains("NotCodable: not codable"))
        }
    }

    // P8
    @Test(
        "that ends its worker breaks the pool, saying how, and no worker more",
        arguments: StartMethod.allCases,
        ProcessWork.Death.allCases
    )
    func dying(method: StartMethod, death: ProcessWork.Death) async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("log")
        let initializer = StartupCall.call(StartupWork.die, death, log)
        let stopwatch = Stopwatch()
        try await withProcessPool(maxWorkers: 2, startMethod: method, initializer: initializer) { pool async throws in
            let futures = (0..<5).map { pool.submit(Work.square, $0) }
            for future in futures { _ = await future.result }
            #expect(stopwatch.elapsed < promptly)
            for future in futures {
                let error = try #require(await future.result.error as? PoolError)
                #expect(error.code == .brokenPool)
                #expect(error.message.hasPrefix("the initializer failed: the worker process "))
                #expect(error.signal == death.signal && error.exitCode == death.exitCode)
                #expect(error.standardError?.contains("the words before the end") == true)
            }
            #expect((1...2).contains(lines(of: log).count))
        }
    }

    // P8
    @Test("that fails in a second worker fails what waits, and lets the first one end what it has begun")
    func failingLater() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let initializer = StartupCall.call(StartupWork.succeedOnce, directory.file("made"))
        try await withProcessPool(maxWorkers: 2, initializer: initializer) { pool async throws in
            let running = pool.submit(Work.passGate, gate, "running")
            #expect(await becomesTrue { gate.hasBegun("running") })
            let waiting = (0..<200).map { pool.submit(Work.square, $0) }
            for future in waiting {
                let error = try #require(await future.result.error as? PoolError)
                #expect(error.code == .brokenPool && error.underlying as? Refusal == Refusal(number: 2))
            }
            #expect(!running.isDone)
            #expect((await pool.submit(Work.answer).result.error as? PoolError)?.code == .brokenPool)
            try gate.release()
            #expect(try await running.value == "running")
        }
    }

    @Test("that captures a value is refused where the pool is made, by name")
    func captures() throws {
        let number = Int.random(in: 0..<10)
        let error = #expect(throws: PoolError.self) {
            _ = try ProcessPoolExecutor(maxWorkers: 1, initializer: .call { print(number) })
        }
        #expect(error?.code == .invalidConfiguration)
        let message = error?.message ?? ""
        #expect(message.hasPrefix("initializer: ") && message.contains("StartupTests.swift:"))
        #expect(message.contains("captures a value of type Int") && message.contains("as an argument"))
    }

    @Test("whose arguments cannot be encoded is refused where the pool is made, by name")
    func unencodable() throws {
        let error = #expect(throws: PoolError.self) {
            _ = try ProcessPoolExecutor(maxWorkers: 1, initializer: .call(Fragile.take, Fragile(.encode)))
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("could not be encoded: this value is fragile") == true)
    }

    @Test("may have arguments of any size", arguments: StartMethod.allCases)
    func bigArguments(method: StartMethod) async throws {
        let bytes = ProcessWork.make(5_000_000)
        let initializer = StartupCall.call(
            { (bytes: [UInt8]) in
                guard bytes.count == 5_000_000 else { throw Refusal(number: bytes.count) }
            },
            bytes
        )
        try await withProcessPool(maxWorkers: 2, startMethod: method, initializer: initializer) { pool async throws in
            #expect(try await pool.run(Work.answer) == 42)
        }
    }

    @Test("that is cut short because the pool ends is no failure")
    func cutShort() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let pool = try ProcessPoolExecutor(maxWorkers: 1, initializer: .call(StartupWork.waitAtGate, gate, "first"))
        let future = pool.submit(Work.answer)
        #expect(await becomesTrue { gate.hasBegun("first") })
        await pool.shutdown(cancelPending: true)
        #expect(future.isCancelled)
    }
}

@Suite("A preload", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct PreloadTests {
    // P9
    @Test("runs once, in the fork server, and each worker sees what it left")
    func once() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let log = directory.file("log")
        try await withProcessPool(
            maxWorkers: 3,
            initializer: .call(StartupWork.noteOnly, "initialized", directory.file("initialized")),
            preload: .call(StartupWork.useThreads, "preloaded", log)
        ) { pool async throws in
            let first = (0..<3).map { pool.submit(StartupWork.notesAtGate, gate, "\($0)") }
            #expect(try await becomesTrue { try gate.begunCount == 3 })
            try gate.release()
            for future in first {
                #expect(try await future.value.dropLast() == ["preloaded", "initialized"])
            }
            let keeper = try #require(pool.forkServerPid)
            #expect(lines(of: log) == ["\(keeper)"])
            // A worker that comes later sees it too.
            #expect(await pool.submit(ProcessWork.die, .kill).result.error != nil)
            #expect(try await pool.run(StartupWork.notesAndPid, 0).first == "preloaded")
            #expect(lines(of: log).count == 1)
        }
    }

    // P9
    @Test("that throws breaks the pool, and is named")
    func throwing() async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("log")
        try await withProcessPool(maxWorkers: 2, preload: .call(StartupWork.refuse, 7, log)) { pool async throws in
            for future in (0..<5).map({ pool.submit(Work.square, $0) }) {
                let error = try #require(await future.result.error as? PoolError)
                #expect(error.code == .brokenPool)
                #expect(error.message.contains("preload failed: ") && error.message.contains(", given at "))
                #expect(error.message.contains("Refusal(number: 7)"))
            }
            #expect(lines(of: log).count == 1)
        }
    }

    // P9
    @Test("that ends the fork server breaks the pool, and is named", arguments: ProcessWork.Death.allCases)
    func dying(death: ProcessWork.Death) async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("log")
        try await withProcessPool(maxWorkers: 2, preload: .call(StartupWork.die, death, log)) { pool async throws in
            for future in (0..<5).map({ pool.submit(Work.square, $0) }) {
                let error = try #require(await future.result.error as? PoolError)
                #expect(error.code == .brokenPool)
                let end = death.exitCode.map { "exited with code \($0)" } ?? signalName(death.signal ?? 0)
                #expect(error.message.contains("preload failed: the fork server ") && error.message.contains(end))
            }
            #expect(lines(of: log).count == 1)
        }
    }

    @Test("that leaves a thread behind breaks the pool, and is named")
    func leavingThread() async throws {
        try await withProcessPool(maxWorkers: 1, preload: .call(StartupWork.leaveThread)) { pool async throws in
            let error = try #require(await pool.submit(Work.answer).result.error as? PoolError)
            #expect(error.code == .brokenPool && error.message.contains("preload left 1 thread(s) running"), "\(error)")
        }
    }

    @Test("that changes what signals mean hides no worker's death")
    func changingSignals() async throws {
        try await withProcessPool(maxWorkers: 1, preload: .call(StartupWork.changeSignals)) { pool async throws in
            let error = try #require(await pool.submit(ProcessWork.die, .kill).result.error as? PoolError)
            #expect(error.code == .workerCrashed && error.signal == SIGKILL)
            #expect(try await pool.run(Work.answer) == 42)
        }
    }

    @Test("that takes long holds up no shutdown")
    func shutdownMeanwhile() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let pool = try ProcessPoolExecutor(maxWorkers: 2, preload: .call(StartupWork.waitAtGate, gate, "preload"))
        let futures = (0..<3).map { pool.submit(Work.square, $0) }
        #expect(await becomesTrue { gate.hasBegun("preload") })
        let stopwatch = Stopwatch()
        await pool.shutdown(cancelPending: true)
        #expect(futures.allSatisfy { $0.isCancelled })
        #expect(stopwatch.elapsed < testBound / 3)
    }

    @Test("makes no sense for workers that are not forked, and is refused")
    func spawn() {
        let error = #expect(throws: PoolError.self) {
            _ = try ProcessPoolExecutor(maxWorkers: 1, startMethod: .spawn, preload: .call(StartupWork.leaveThread))
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.hasPrefix("preload is given and startMethod is .spawn") == true)
    }

    @Test("that captures a value is refused where the pool is made, by name")
    func captures() {
        let number = Int.random(in: 0..<10)
        let error = #expect(throws: PoolError.self) {
            _ = try ProcessPoolExecutor(maxWorkers: 1, preload: .call { print(number) })
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.hasPrefix("preload: ") == true)
    }
}

@Suite("A worker that could not begin", .fewAtOnce, .timeLimit(.minutes(5)))
struct FailedStartTests {
    private func error(_ words: String, exitCode: Int32 = Worker.failedToStart, isReady: Bool) throws -> PoolError {
        let bell = try Doorbell()
        let link = WorkerLink(id: 1, channel: try RingChannel.make(bell: bell).0, bell: bell, standardError: nil)
        link.isReady = isReady
        let status = ExitStatus(signal: 0, exitCode: exitCode)
        return .workerEnded(link, status: status, victim: nil, standardError: words)
    }

    @Test("is told with the step that failed")
    func reason() throws {
        let words = "something else\na worker could not begin: setpriority: Permission denied (13)\n"
        let message = try error(words, isReady: false).message
        #expect(message == "the worker process could not begin: setpriority: Permission denied (13)")
        #expect(try error("", isReady: false).message == "the worker process could not begin")
    }

    @Test("is not taken for a task that exits with the same code")
    func otherwise() throws {
        #expect(try error("", isReady: true).message == "the worker process exited with code 125")
        #expect(try error("", exitCode: 3, isReady: false).message == "the worker process exited with code 3")
    }
}
