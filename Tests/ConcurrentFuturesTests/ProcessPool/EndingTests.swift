@testable import ConcurrentFutures
import Foundation
import Synchronization
import Testing

@Suite("Ending a process pool", .fewAtOnce, .serialized, .timeLimit(.minutes(2)))
struct EndingTests {
    @Test("terminate is bounded, whatever the tasks do")
    func bounded() async throws {
        let directory = try TemporaryDirectory()
        let pool = try ProcessPoolExecutor(maxWorkers: 2)
        let stubborn = pool.submit(StoppingWork.ignoreAll, directory.file("a"))
        let stopped = pool.submit(StoppingWork.stopOwnProcess, directory.file("b"))
        #expect(await becomesTrue { directory.has("a") && directory.has("b") })
        let queued = (0..<100).map { pool.submit(Work.square, $0) }
        let pids = try [directory.pid("a"), directory.pid("b"), #require(pool.forkServerPid)]
        #expect(pids.allSatisfy { ProcessWork.isAlive($0) })
        let stopwatch = Stopwatch()
        await pool.terminate(gracePeriod: .milliseconds(200))
        #expect(stopwatch.elapsed < .seconds(5))
        #expect(!pids.contains { ProcessWork.isAlive($0) })
        for future in [stubborn, stopped] {
            await #expect(throws: CancellationError.self) { try await future.value }
        }
        #expect(queued.allSatisfy { $0.isCancelled })
        _ = await expectPoolError(.shutdown) { try await pool.run(Work.square, 2) }
    }

    @Test("an idle worker whose process was stopped does not hold up the shutdown")
    func stoppedWhileIdle() async throws {
        let pool = try ProcessPoolExecutor(maxWorkers: 1)
        let pid = try await pool.run(ProcessWork.pid, 0)
        try await stopProcess(pid)
        await pool.shutdown()
        #expect(kill(pid, 0) == -1)
    }

    @Test("a fork server whose process was stopped does not hold up the end", arguments: [false, true])
    func stoppedForkServer(terminating: Bool) async throws {
        let directory = try TemporaryDirectory()
        let pool = try ProcessPoolExecutor(maxWorkers: 2)
        let running = pool.submit(StoppingWork.neverListen, directory.file("began"))
        #expect(await becomesTrue { directory.has("began") })
        let forkServer = try #require(pool.forkServerPid)
        try await stopProcess(forkServer)
        if terminating {
            await pool.terminate(gracePeriod: .zero)
            await #expect(throws: CancellationError.self) { try await running.value }
        } else {
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            await pool.shutdown()
        }
        let worker = try directory.pid("began")
        #expect(!ProcessWork.isAlive(worker) && !ProcessWork.isAlive(forkServer))
    }

    @Test("a preload that never ends does not hold up the end of a pool")
    func endlessPreload() async throws {
        let directory = try TemporaryDirectory()
        let preload = PreloadCall.call(StoppingWork.beginOnly, directory.file("began"))
        let pool = try ProcessPoolExecutor(maxWorkers: 2, minWorkers: 1, preload: preload)
        let future = pool.submit(Work.square, 2)
        #expect(await becomesTrue { directory.has("began") })
        await pool.terminate(gracePeriod: .zero)
        await #expect(throws: CancellationError.self) { try await future.value }
        let forkServer = try directory.pid("began")
        #expect(!ProcessWork.isAlive(forkServer))
    }

    @Test("it can be ended twice, from two threads, and from a callback", arguments: [false, true])
    func twice(terminating: Bool) async throws {
        for round in 0..<10 {
            let pool = try ProcessPoolExecutor(maxWorkers: 2, minWorkers: round % 3)
            let futures = (0..<50).map { pool.submit(Work.square, $0) }
            let ended = Atomic(false)
            futures[0].onCompletion { _ in
                Task { @Sendable in
                    if terminating { await pool.terminate() } else { await pool.shutdown() }
                    ended.store(true, ordering: .relaxed)
                }
            }
            await withTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { if terminating { await pool.terminate() } else { await pool.shutdown() } }
                }
            }
            #expect(futures.allSatisfy { $0.isDone })
            if !terminating { #expect(futures.allSatisfy { !$0.isCancelled }) }
            #expect(await becomesTrue { ended.load(ordering: .relaxed) })
        }
    }

    @Test("terminate ends a shutdown that waits")
    func terminateDuringShutdown() async throws {
        let directory = try TemporaryDirectory()
        let pool = try ProcessPoolExecutor(maxWorkers: 1)
        let running = pool.submit(StoppingWork.neverListen, directory.file("began"))
        #expect(await becomesTrue { directory.has("began") })
        let ended = Tally()
        async let shutdown: Void = {
            await pool.shutdown()
            ended.add()
        }()
        // Only a pool that is being shut down refuses a task at once, while its only worker is busy.
        #expect(await becomesTrue { pool.submit(Work.square, 2).isDone })
        #expect(ended.value == 0)
        await pool.terminate(gracePeriod: .zero)
        await shutdown
        await #expect(throws: CancellationError.self) { try await running.value }
        let pid = try directory.pid("began")
        #expect(!ProcessWork.isAlive(pid))
    }

    @Test("ending while workers are recycled, start, and hold full channels", arguments: 0..<12)
    func whileBusy(round: Int) async throws {
        let options = ProcessPoolOptions(gracePeriod: .milliseconds(50), maxTasksPerWorker: round % 2 == 0 ? 1 : nil)
        let pool = try ProcessPoolExecutor(maxWorkers: 3, options: options)
        let big = [UInt8](repeating: 7, count: 40_000)
        let futures = (0..<100).map { _ in pool.submit({ (bytes: [UInt8]) in bytes }, big) }
        if round % 3 == 0 { _ = await futures[round].result }
        if round % 4 < 2 { await pool.terminate() } else { await pool.shutdown(cancelPending: true) }
        for future in futures {
            #expect(future.isDone)
            switch await future.result {
            case .success(let bytes): #expect(bytes == big)
            case .failure(let error): #expect(error is CancellationError)
            }
        }
    }

    @Test("dropping the last reference while tasks are tried again finishes them")
    func dropped() async throws {
        let directory = try TemporaryDirectory()
        var pool: ProcessPoolExecutor? = try ProcessPoolExecutor(maxWorkers: 1)
        let policy = RetryPolicy(maxAttempts: 3, backoff: .constant(.milliseconds(50)))
        let future = pool?.submit(StoppingWork.crashAtFirst, directory.path, "a", 2, retry: policy)
        pool = nil
        let calls = try await future?.value
        #expect(calls == 3)
    }
}
