@testable import ConcurrentFutures
import Foundation
import Testing

@Suite("Back-pressure in a process pool", .fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct BackPressureTests {
    @Test("`submit` over the limit fails, `run` and `map` wait", arguments: [true, false])
    func limits(byCount: Bool) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let options = byCount ? ProcessPoolOptions(maxPending: 1) : ProcessPoolOptions(maxPendingBytes: 1)
        try await withProcessPool(maxWorkers: 2, options: options) { pool in
            let first = pool.submit(Work.passGate, gate, "first")
            let error = await expectPoolError(.queueFull) { try await pool.submit(Work.square, 2).value }
            #expect(error?.message.contains(byCount ? "maxPending" : "maxPendingBytes") == true)
            #expect(error?.message.contains("BackPressureTests.swift") == true)
            async let second = pool.run(Work.square, 3)
            async let mapped = pool.map(0..<20, chunkSize: 3, Work.square).collect()
            let hasty = await expectPoolError(.timedOut) {
                try await pool.run(Work.square, 4, deadline: .milliseconds(50))
            }
            #expect(hasty?.message.contains("deadline") == true)
            let impatient = Task { try await pool.run(Work.square, 5) }
            impatient.cancel()
            await #expect(throws: CancellationError.self) { try await impatient.value }
            #expect(!first.isDone)
            try gate.release()
            #expect(try await second == 9)
            #expect(try await mapped == (0..<20).map { $0 * $0 })
            #expect(try await first.value == "first")
            #expect(try await pool.submit(Work.square, 6).value == 36)
        }
    }

    @Test("a map gives out what it has before it waits for room, so that who has the room may wait for it")
    func mapGivesBeforeItWaits() async throws {
        try await withinBound {
            let directory = try TemporaryDirectory()
            let (first, second) = (FileGate(in: directory), FileGate(in: directory))
            try await withProcessPool(maxWorkers: 2, options: ProcessPoolOptions(maxPending: 1)) { pool async throws in
                let blocker = pool.submit(Work.passGate, first, "blocker")
                // The map's first chunk waits for the only place, and behind it somebody who keeps it until the first result is there.
                let map = Task {
                    var squares: [Int] = []
                    for try await square in pool.map(0..<3, chunkSize: 1, Work.square) {
                        if squares.isEmpty { try second.release() }
                        squares.append(square)
                    }
                    return squares
                }
                #expect(await becomesTrue { pool.waiterCount == 1 })
                let keeper = Task { try await pool.run(Work.passGate, second, "keeper") }
                #expect(await becomesTrue { pool.waiterCount == 2 })
                try first.release()
                #expect(try await map.value == [0, 1, 4])
                #expect(try await keeper.value == "keeper")
                #expect(try await blocker.value == "blocker")
            }
        }
    }

    @Test("what could not be encoded, was cancelled or crashed gives its place up")
    func places() async throws {
        try await withProcessPool(maxWorkers: 1, options: ProcessPoolOptions(maxPending: 2, maxPendingBytes: 1000)) {
            pool in
            for n in 0..<20 {
                let captured = n
                _ = await expectPoolError(.capturedValues) { try await pool.run { captured } }
                _ = await expectPoolError(.workerCrashed) {
                    try await pool.run(ProcessWork.die, ProcessWork.Death.exitFortyTwo)
                }
                let cancelled = pool.submit(ProcessWork.sleepingPid, 1)
                cancelled.cancel()
                _ = await cancelled.result
                // One that is bigger than the limit is taken when there is room.
                let big = try await pool.run({ (bytes: [UInt8]) in bytes.count }, [UInt8](repeating: 1, count: 5000))
                #expect(big == 5000)
            }
        }
    }

    @Test("who waits when the pool is shut down is refused")
    func shutdown() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let pool = try ProcessPoolExecutor(maxWorkers: 1, options: ProcessPoolOptions(maxPending: 1))
        let first = pool.submit(Work.passGate, gate, "first")
        let waiting = Task { try await pool.run(Work.square, 3) }
        #expect(await becomesTrue { pool.waiterCount == 1 })
        async let shutdown: Void = pool.shutdown()
        _ = await expectPoolError(.shutdown) { try await waiting.value }
        try gate.release()
        await shutdown
        #expect(try await first.value == "first")
    }
}
