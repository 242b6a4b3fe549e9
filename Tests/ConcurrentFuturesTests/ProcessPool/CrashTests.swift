import Foundation
import Testing

@testable import ConcurrentFutures

/// Global, so that its name is in the program's symbols.
private func leaveWithCode(_ code: Int32) -> Int { exit(code) }

@Suite("A worker's death", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct CrashTests {
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

    // C8
    @Test("items that throw or crash among thousands of numbers, wherever their frames end")
    func thousandsOfNumbers() async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let outcomes = await pool.map(0..<4000, chunkSize: 4000, ProcessWork.failAtSome).results.collect()
            for (n, outcome) in outcomes.enumerated() {
                switch outcome {
                case .success(let value):
                    #expect(value == Double(n) / 2 && !ProcessWork.someThrow.contains(n) && n != ProcessWork.oneDies)
                case .failure(let error as PoolError): #expect(error.code == .workerCrashed && n == ProcessWork.oneDies)
                case .failure: #expect(ProcessWork.someThrow.contains(n))
                }
            }
            #expect(outcomes.count == 4000)
        }
    }

    // C8
    @Test("no item that had ended before a crash runs again", arguments: ["", "as text"])
    func endedItems(form: String) async throws {
        let directory = try TemporaryDirectory()
        let options = ProcessPoolOptions(environment: ["CF_TEST_MARKS": directory.path])
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            var failed: [Int] = []
            if form.isEmpty {
                let outcomes = await pool.map(0..<40, chunkSize: 40, ProcessWork.markAndDieIfThirty).results.collect()
                for (n, outcome) in outcomes.enumerated() where outcome.error != nil { failed.append(n) }
            } else {
                let texts = (0..<40).map { "\($0)" }
                let outcomes = await pool.map(texts, chunkSize: 40, ProcessWork.markTextAndDieIfThirty).results
                    .collect()
                for (n, outcome) in outcomes.enumerated() where outcome.error != nil { failed.append(n) }
            }
            #expect(failed == [30])
            for n in 0..<40 {
                #expect(try String(contentsOfFile: directory.file("\(n)"), encoding: .utf8) == "x", "item \(n)")
            }
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

    @Test("frees what stands behind a long task elsewhere, where it would have been taken over")
    func behindLongTask() async throws {
        let directories = try (TemporaryDirectory(), TemporaryDirectory())
        let longGate = FileGate(in: directories.0)
        let dyingGate = FileGate(in: directories.1)
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let long = pool.submit(Work.passGate, longGate, "long")
            #expect(await becomesTrue { longGate.hasBegun("long") })
            let dying = pool.submit(
                { (gate: FileGate) throws -> Int in
                    _ = try Work.passGate(gate, "dying")
                    exit(3)
                },
                dyingGate
            )
            #expect(await becomesTrue { dyingGate.hasBegun("dying") })
            let behind = pool.submit(Work.square, 4)
            try dyingGate.release()
            #expect(await dying.result.error != nil)
            #expect(await becomesTrue { behind.isDone })
            #expect(try await behind.value == 16 && !long.isDone)
            try longGate.release()
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
}
