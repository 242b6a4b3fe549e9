import ConcurrentFutures
import Foundation
import Testing

@Suite(.fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct SubmitTests {
    // E1
    @Test("functions with no, one and three arguments are called", arguments: ExecutorKind.allCases)
    func argumentCounts(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let outcome1 = try await pool.submit(Work.answer).value
            #expect(outcome1 == 42)
            let outcome2 = try await pool.submit(Work.square, 5).value
            #expect(outcome2 == 25)
            let outcome3 = try await pool.submit(Work.sum, 1, 2.5, "three").value
            #expect(outcome3 == "1 2.5 three")
            let outcome4 = try await pool.submit(Work.sumLater, 1, 2.5, "three").value
            #expect(outcome4 == "1 2.5 three")
            let outcome5 = try await pool.submit({ $0 + 1 }, 5).value
            #expect(outcome5 == 6)
            let outcome6 = try await pool.submit { 43 }.value
            #expect(outcome6 == 43)
            let outcome7 = try await pool.submit { await Work.squareLater(3) }.value
            #expect(outcome7 == 9)
            let outcome8 = try await pool.run(max, 1, 2)
            #expect(outcome8 == 2)
            let outcome9 = try await pool.run(Work.squareLater, 4)
            #expect(outcome9 == 16)
        }
    }

    // E1
    @Test("functions that return nothing are called", arguments: ExecutorKind.allCases)
    func noResult(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        try await kind.with { pool in
            try await pool.submit(Work.touch, directory.file("a")).value
            try await pool.submit(Work.touchLater, directory.file("b")).value
            try await pool.run(Work.touch, directory.file("c"))
            try await pool.run(Work.touchLater, directory.file("d"))
        }
        #expect(["a", "b", "c", "d"].allSatisfy { directory.has($0) })
    }

    @Test("an error arrives as its own type", arguments: ExecutorKind.allCases)
    func errors(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            await #expect(throws: Refusal(number: 7)) { try await pool.submit(Work.squareUnlessSeven, 7).value }
            await #expect(throws: CancellationError.self) {
                try await pool.run { () throws -> Int in throw CancellationError() }
            }
        }
    }

    // E11
    @Test(
        "the arguments do not live on after the task, even if the future was dropped",
        arguments: ExecutorKind.allCases
    )
    func argumentsAreReleased(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            weak var argument: Token?
            do {
                let token = Token()
                argument = token
                _ = pool.submit({ (_: Token) in 1 }, token)
            }
            let answer = try await pool.run(Work.answer)
            #expect(answer == 42)
            #expect(await becomesTrue { argument == nil })
        }
    }

    // F3
    @Test(
        "a callback that submits, cancels and waits disturbs neither the others nor the executor",
        arguments: ExecutorKind.allCases
    )
    func busyCallbacks(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let seen = Log<Int>()
            let future = pool.submit(Work.square, 2)
            future.onCompletion { done in
                done.cancel()
                seen.append((try? pool.submit(Work.square, 3).get(timeout: testBound)) ?? -1)
                done.onCompletion { _ in seen.append(100) }
            }
            future.onCompletion { done in seen.append((try? done.get()) ?? -1) }
            #expect(await becomesTrue { seen.elements.count == 3 })
            #expect(seen.elements.sorted() == [4, 9, 100])
            let after = try await pool.run(Work.square, 5)
            #expect(after == 25)
            let value = try await future.value
            #expect(value == 4)
        }
    }

    // E14
    @Test("what is submitted after the shutdown fails with `shutdown`", arguments: ExecutorKind.allCases)
    func afterShutdown(kind: ExecutorKind) async throws {
        let pool = try kind.make()
        await pool.shutdown()
        let error = await #expect(throws: PoolError.self) { try await pool.submit(Work.square, 2).value }
        #expect(error?.code == .shutdown)
        await pool.shutdown()
    }

    // E15
    @Test("the shutdown waits for the 50 that are queued", arguments: ExecutorKind.allCases)
    func shutdownDrains(kind: ExecutorKind) async throws {
        let pool = try kind.make()
        let futures = (0..<50).map { pool.submit(Work.square, $0) }
        await pool.shutdown()
        #expect(futures.allSatisfy { $0.isDone })
        for (n, future) in futures.enumerated() {
            let value = try await future.value
            #expect(value == n * n)
        }
    }

    // E15
    @Test(
        "with cancelPending those not started are cancelled, those that ran are done",
        arguments: ExecutorKind.concurrent
    )
    func shutdownCancels(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let pool = try kind.make(maxWorkers: 1)
        let running = pool.submit(Work.passGate, gate, "a")
        #expect(await becomesTrue { gate.hasBegun("a") })
        let queued = (0..<50).map { pool.submit(Work.square, $0) }
        async let shutdown: Void = pool.shutdown(cancelPending: true)
        #expect(await becomesTrue { queued.allSatisfy { $0.isCancelled } })
        #expect(!running.isDone)
        try gate.release()
        await shutdown
        let outcome10 = try await running.value
        #expect(outcome10 == "a")
    }

    // E16
    @Test("dropping the executor finishes what was submitted", arguments: ExecutorKind.allCases)
    func dropped(kind: ExecutorKind) async throws {
        var pool: (any PoolExecutor)? = try kind.make()
        let futures = (0..<20).compactMap { n in pool?.submit(Work.square, n) }
        pool = nil
        for (n, future) in futures.enumerated() {
            let value = try await future.value
            #expect(value == n * n)
        }
    }

    // E18
    @Test("ten threads submit, map, cancel and wait at once", arguments: ExecutorKind.allCases)
    func manyThreads(kind: ExecutorKind) async throws {
        // Of Swift's own threads there are no more than processors.
        let threads = try ThreadPoolExecutor(maxWorkers: 10)
        try await kind.with { pool in
            try await withThrowingTaskGroup { group in
                for worker in 0..<10 {
                    group.addTask(executorPreference: threads) {
                        for round in 0..<10 {
                            let futures = (0..<10).map { pool.submit(Work.square, $0) }
                            if round % 3 == worker % 3 { futures[9].cancel() }
                            let results = try await pool.map(0..<20) { $0 + 1 }.collect()
                            #expect(results == Array(1...20))
                            let waited = await futures.wait()
                            #expect(waited.done.count == 10)
                            for (n, future) in futures.enumerated() where !future.isCancelled {
                                let outcome11 = try await future.value
                                #expect(outcome11 == n * n)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    // E19
    @Test("a chain of 100 submits, each from the callback of the one before", arguments: ExecutorKind.allCases)
    func chain(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let last = await withCheckedContinuation { (continuation: CheckedContinuation<Int, Never>) in
                @Sendable func next(_ n: Int) {
                    pool.submit({ $0 + 1 }, n).onCompletion { future in
                        let value = (try? future.get()) ?? -1
                        if value > 0 && value < 100 { next(value) } else { continuation.resume(returning: value) }
                    }
                }
                next(0)
            }
            #expect(last == 100)
        }
    }

    // E20
    @Test("never more than maxWorkers are at work", arguments: ExecutorKind.concurrent)
    func atMostMaxWorkers(kind: ExecutorKind) async throws {
        let directories = try [TemporaryDirectory(), TemporaryDirectory()]
        defer { withExtendedLifetime(directories) {} }
        let crews = directories.map { Crew(directory: $0.path, size: 3) }
        try await kind.with(maxWorkers: 3) { pool in
            let futures = (0..<45).map { pool.submit(Work.countAtWork, crews[0], $0) }
            var most = 0
            for future in futures { most = max(most, try await future.value) }
            #expect(most == 3)
            let later = (0..<45).map { pool.submit(Work.countAtWorkLater, crews[1], $0) }
            most = 0
            for future in later { most = max(most, try await future.value) }
            #expect(most == 3)
        }
    }
}

private final class Token: Codable, Sendable {}
