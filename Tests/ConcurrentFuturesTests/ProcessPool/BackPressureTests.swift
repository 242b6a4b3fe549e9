@testable import ConcurrentFutures
import Foundation
import Testing

@Suite("Back-pressure in a process pool", .serialized) struct BackPressureTests {
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
