import Foundation
import Testing

@testable import ConcurrentFutures

/// Global, so that its name is in the program's symbols.
private func leaveWithCode(_ code: Int32) -> Int { exit(code) }

/// What of a pool is at work when a task crashes.
enum CrashSetting: String, CaseIterable, Sendable {
    case direct, fromCallback, whileShuttingDown
}

@Suite("A worker's death", .serialized)
struct CrashTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var death: ProcessWork.Death
        var isAsync: Bool
        var setting: CrashSetting
        var testDescription: String { "\(death) in an \(isAsync ? "async" : "sync") function, \(setting)" }
    }

    static let cases = ProcessWork.Death.allCases.flatMap { death in
        [false, true].flatMap { isAsync in
            CrashSetting.allCases.map { Case(death: death, isAsync: isAsync, setting: $0) }
        }
    }

    // The "run" column of the deadlock matrix.
    @Test("fails its own task and no other", arguments: cases)
    func onlyItsTask(_ crash: Case) async throws {
        let pool = try ProcessPoolExecutor(maxWorkers: 2)
        let before = pool.submit(Work.square, 2)
        let beside = pool.submit(ProcessWork.sleepingPid, 20)
        let failing = try await submitCrash(crash, to: pool)
        let after = (3..<10).map { pool.submit(Work.square, $0) }
        if crash.setting == .whileShuttingDown { await pool.shutdown() }

        let error = try #require(await failing.result.error as? PoolError)
        #expect(error.code == .workerCrashed)
        #expect(error.signal == crash.death.signal)
        #expect(error.exitCode == crash.death.exitCode)
        #expect(try await before.value == 4)
        #expect(try await beside.value > 0)
        for (n, future) in zip(3..<10, after) { #expect(try await future.value == n * n) }
        await pool.shutdown()
    }

    private func submitCrash(_ crash: Case, to pool: ProcessPoolExecutor) async throws -> Future<Int> {
        func submit() -> Future<Int> {
            crash.isAsync ? pool.submit(ProcessWork.dieLater, crash.death) : pool.submit(ProcessWork.die, crash.death)
        }
        guard crash.setting == .fromCallback else { return submit() }
        let isAsync = crash.isAsync
        let death = crash.death
        return await withCheckedContinuation { continuation in
            pool.submit(Work.square, 1).onCompletion { _ in
                let future =
                    isAsync ? pool.submit(ProcessWork.dieLater, death) : pool.submit(ProcessWork.die, death)
                continuation.resume(returning: future)
            }
        }
    }

    // P6
    @Test("is reported with signal, pid, function, place and the worker's last words")
    func report() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let pid = try await pool.run(ProcessWork.pid, 0)
            let failure = await pool.submit(
                { (n: Int) -> Int in
                    FileHandle.standardError.write(Data("about to go\n".utf8))
                    fatalError("number \(n)")
                },
                5
            ).result.error
            let error = try #require(failure as? PoolError)
            #expect(error.signal == SIGILL && error.exitCode == nil)
            #expect(error.pid == pid)
            #expect(error.message.contains("SIGILL") && error.message.contains("\(pid)"))
            #expect(error.message.contains("CrashTests.swift:"))
            #expect(error.standardError?.contains("about to go") == true)
            #if DEBUG
                #expect(error.standardError?.contains("number 5") == true)
            #endif
            let named = try #require(await pool.submit(leaveWithCode, 42).result.error as? PoolError)
            #expect(named.message.contains("leaveWithCode"))
            #expect(named.exitCode == 42 && named.standardError == nil)
        }
    }

    @Test("tells the beginning and the end of a long standard error")
    func longStandardError() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let failure = await pool.submit {
                var text = "the first line\n"
                for n in 0..<20_000 { text += "line \(n)\n" }
                text += "the last line\n"
                FileHandle.standardError.write(Data(text.utf8))
                exit(1)
            }.result.error
            let words = try #require((failure as? PoolError)?.standardError)
            #expect(words.contains("the first line") && words.contains("the last line"))
            #expect(words.utf8.count < 10_000)
        }
    }

    // C8
    @Test("one poisonous item among 100 of a map: 99 results, one failure", arguments: [1, 6, 50, nil])
    func poisonousItem(chunkSize: Int?) async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            var values: [Int] = []
            var failures: [any Error] = []
            for await result in pool.map(0..<100, chunkSize: chunkSize, ProcessWork.dieIfSeven).results {
                switch result {
                case .success(let value): values.append(value)
                case .failure(let error): failures.append(error)
                }
            }
            #expect(values == (0..<100).filter { $0 != 7 }.map { $0 * $0 })
            #expect(failures.count == 1)
            #expect((failures.first as? PoolError)?.code == .workerCrashed)
        }
    }

    @Test("leaves the tasks behind it to another worker, each run once")
    func innocentTasks() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let killer = pool.submit(
                { (gate: FileGate) -> Int in
                    try Work.touch(gate.begun("killer"))
                    try Work.waitForFile(gate.open)
                    exit(3)
                },
                gate
            )
            let behind = (0..<100).map { pool.submit(Work.square, $0) }
            #expect(await becomesTrue { gate.hasBegun("killer") })
            try gate.release()
            #expect((await killer.result.error as? PoolError)?.exitCode == 3)
            for (n, future) in behind.enumerated() { #expect(try await future.value == n * n) }
        }
    }

    // D1
    @Test("of the fork server fails what was running, and the pool goes on with another")
    func forkServerKilled() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let running = pool.submit(Work.passGate, gate, "running")
            let behind = pool.submit(Work.square, 4)
            #expect(await becomesTrue { gate.hasBegun("running") })
            let keeper = try #require(pool.forkServerPid)
            kill(keeper, SIGKILL)
            let error = try #require(await running.result.error as? PoolError)
            #expect(error.code == .workerCrashed && error.message.contains("fork server"))
            #expect(try await behind.value == 16)
        }
    }

    @Test("while idle is nobody's failure")
    func idleDeath() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            for _ in 0..<10 {
                let pid = try await pool.run(ProcessWork.pid, 0)
                kill(pid, SIGKILL)
                #expect(await becomesTrue { kill(pid, 0) != 0 })
                #expect(try await pool.run(Work.answer) == 42)
            }
        }
    }

    @Test("with 100 MB in flight loses nothing else", arguments: [ProcessWork.Death.kill, .exitZero])
    func bigInFlight(death: ProcessWork.Death) async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let bytes = ProcessWork.make(25_000_000)
            let crash = pool.submit(ProcessWork.die, death)
            let big = (0..<4).map { _ in pool.submit(ProcessWork.count, bytes) }
            #expect(await crash.result.error != nil)
            for future in big {
                let count = try await future.value
                #expect(count == 25_000_000)
            }
        }
    }
}
