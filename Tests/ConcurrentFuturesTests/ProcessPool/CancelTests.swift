import ConcurrentFutures
import Foundation
import Testing

@Suite("Cancelling what runs in a process pool", .fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct CancelTests {
    // C6
    @Test(
        "a function that listens stops when its future is cancelled, and its worker is kept",
        arguments: [false, true]
    )
    func listens(isAsync: Bool) async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1, options: .grace(.seconds(60))) { pool in
            let first = try await pool.run(StoppingWork.spin, 0)
            let began = directory.file("began")
            let cleaned = directory.file("cleaned")
            let future =
                isAsync
                ? pool.submit(StoppingWork.listenLater, began, cleaned)
                : pool.submit(StoppingWork.listen, began, cleaned)
            #expect(await becomesTrue { directory.has("began") })
            #expect(future.isRunning)
            #expect(future.cancel())
            await #expect(throws: CancellationError.self) { try await future.value }
            #expect(future.isCancelled)
            #expect(directory.has("cleaned"))
            let second = try await pool.run(StoppingWork.spin, 0)
            #expect(second == first)
            let isCancelled = try await pool.run(StoppingWork.isCancelled, 0)
            #expect(!isCancelled)
        }
    }

    // C4
    @Test("cancelling what runs harms nothing that was behind it on the same worker", arguments: [0, 100])
    func neighbours(gracePeriod: Int) async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1, options: .grace(.milliseconds(gracePeriod))) { pool in
            for round in 0..<10 {
                let stubborn = pool.submit(StoppingWork.neverListen, directory.file("began-\(round)"))
                let behind = (0..<50).map { pool.submit(StoppingWork.countCall, directory.path, "\(round)-\($0)") }
                #expect(await becomesTrue { directory.has("began-\(round)") })
                stubborn.cancel()
                await #expect(throws: CancellationError.self) { try await stubborn.value }
                for future in behind {
                    let calls = try await future.value
                    #expect(calls == 1)
                }
            }
        }
    }

    // C5
    @Test("cancelling the Task around `run` stops the call")
    func aroundRun() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1, options: .grace(.zero)) { pool in
            let task = Task { try await pool.run(StoppingWork.neverListen, directory.file("began")) }
            #expect(await becomesTrue { directory.has("began") })
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let pid = try directory.pid("began")
            #expect(!ProcessWork.isAlive(pid))
        }
    }

    // C5
    @Test("cancelling the Task around a map's loop stops what runs")
    func aroundMap() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 2, options: .grace(.zero)) { pool in
            let names = (0..<100).map { directory.file("\($0)") }
            let task = Task { try await pool.map(names, chunkSize: 10, StoppingWork.neverListen).collect() }
            #expect(await becomesTrue { directory.has("0") })
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let first = try directory.pid("0")
            #expect(await becomesTrue { !ProcessWork.isAlive(first) })
            let pid = try await pool.run(StoppingWork.spin, 0)
            #expect(pid != first)
        }
    }

    @Test(
        "cancelling a thousand tasks while they start and end leaves each with one outcome, and none cancelled that was not"
    )
    func race() async throws {
        try await withProcessPool(maxWorkers: 2, options: .grace(.seconds(60))) { pool in
            for _ in 0..<10 {
                let futures = (0..<100).map { pool.submit(StoppingWork.isCancelled, $0) }
                for (n, future) in futures.enumerated() where n % 3 == 0 { future.cancel() }
                for (n, future) in futures.enumerated() {
                    switch await future.result {
                    case .success(let sawCancellation): #expect(!sawCancellation)
                    case .failure(let error):
                        #expect(error is CancellationError)
                        #expect(n % 3 == 0)
                    }
                }
            }
        }
    }

    // E17
    @Test("leaving the scope by an error stops what runs")
    func scope() async throws {
        let directory = try TemporaryDirectory()
        let stopwatch = Stopwatch()
        await #expect(throws: Refusal(number: 1)) {
            try await withProcessPool(maxWorkers: 2, options: .grace(.milliseconds(100))) { pool in
                pool.submit(StoppingWork.ignoreAll, directory.file("began"))
                #expect(await becomesTrue { directory.has("began") })
                throw Refusal(number: 1)
            }
        }
        #expect(stopwatch.elapsed < .seconds(30))
        let pid = try directory.pid("began")
        #expect(!ProcessWork.isAlive(pid))
    }
}
