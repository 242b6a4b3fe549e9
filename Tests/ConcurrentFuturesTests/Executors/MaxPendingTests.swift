import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite(.fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct MaxPendingTests {
    @Test("a limit of none, or less, is refused with the option's name", arguments: [0, -1])
    func badLimit(maxPending: Int) {
        let error = #expect(throws: PoolError.self) { try ThreadPoolExecutor(maxPending: maxPending) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("maxPending") == true)
    }

    @Test("what is submitted beyond the limit fails with queueFull, and room comes with each task that ends")
    func queueFull() async throws {
        let open = DispatchSemaphore(value: 0)
        try await withThreadPool(maxWorkers: 1, maxPending: 2) { pool in
            let first = pool.submit { open.wait() }
            let second = pool.submit { 2 }
            let third = pool.submit { 3 }
            let error = await #expect(throws: PoolError.self) { try await third.value }
            #expect(error?.code == .queueFull)
            #expect(error?.message.contains("MaxPendingTests.swift") == true)
            #expect(error?.message.contains("2 tasks (maxPending)") == true)
            #expect(second.cancel())
            let fourth = pool.submit { 4 }
            open.signal()
            try await first.value
            let value = try await fourth.value
            #expect(value == 4)
            for n in 0..<50 {
                let value = try await pool.submit { n }.value
                #expect(value == n)
            }
        }
    }

    @Test("a task that waits for its next attempt has not ended")
    func waitingForRetry() async throws {
        try await withThreadPool(maxWorkers: 1, maxPending: 1) { pool in
            let calls = Tally()
            let waiting = pool.submit({ () throws -> Int in throw Refusal(number: calls.add()) }, retry: hourly)
            #expect(await becomesTrue { calls.value == 1 && !waiting.isRunning })
            let refused = await pool.submit { 2 }.result
            #expect(throws: PoolError.self) { try refused.get() }
            waiting.cancel()
            let value = try await pool.submit { 3 }.value
            #expect(value == 3)
        }
    }

    @Test("`run` waits for room, in the order of arrival")
    func runWaits() async throws {
        let open = DispatchSemaphore(value: 0)
        let order = Log<Int>()
        try await withThreadPool(maxWorkers: 1, maxPending: 1) { pool in
            let first = pool.submit { open.wait() }
            try await withThrowingTaskGroup { group in
                for n in 0..<5 {
                    group.addTask { try await pool.run { order.append(n) } }
                    #expect(await becomesTrue { pool.core.waiterCount == n + 1 })
                }
                open.signal()
                try await group.waitForAll()
            }
            #expect(order.elements == [0, 1, 2, 3, 4])
            try await first.value
        }
    }

    @Test("`run` that is cancelled while it waits for room never runs")
    func cancelledWhileWaiting() async throws {
        let open = DispatchSemaphore(value: 0)
        let hasRun = Tally()
        try await withThreadPool(maxWorkers: 1, maxPending: 1) { pool in
            let first = pool.submit { open.wait() }
            let call = Task { try await pool.run { hasRun.add() } }
            #expect(await becomesTrue { pool.core.waiterCount == 1 })
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            open.signal()
            try await first.value
        }
        #expect(hasRun.value == 0)
    }

    @Test("a deadline ends the wait for room")
    func deadlineWhileWaiting() async throws {
        let open = DispatchSemaphore(value: 0)
        try await withThreadPool(maxWorkers: 1, maxPending: 1, name: "l-room") { pool in
            let first = pool.submit { open.wait() }
            let error = await #expect(throws: PoolError.self) { try await pool.run({ 2 }, deadline: .milliseconds(20)) }
            #expect(error?.code == .timedOut)
            #expect(!first.isDone)
            open.signal()
            try await first.value
        }
        #expect(threadNames("l-room").isEmpty)
    }

    @Test("the shutdown wakes those who wait for room, and they fail with shutdown")
    func shutdownWhileWaiting() async throws {
        let open = DispatchSemaphore(value: 0)
        let pool = try ThreadPoolExecutor(maxWorkers: 1, maxPending: 1)
        let first = pool.submit { open.wait() }
        let calls = (0..<3).map { n in Task { try await pool.run({ n }, deadline: hour) } }
        #expect(await becomesTrue { pool.core.waiterCount == 3 })
        async let shutdown: Void = pool.shutdown()
        for call in calls {
            let error = await #expect(throws: PoolError.self) { try await call.value }
            #expect(error?.code == .shutdown)
        }
        #expect(!first.isDone)
        open.signal()
        await shutdown
        try await first.value
    }

    @Test("`map` waits for room, and never has more tasks than that", arguments: [1, 3])
    func mapWaits(maxPending: Int) async throws {
        try await withThreadPool(maxWorkers: 4, maxPending: maxPending) { pool in
            let atWork = Tally()
            let most = Tally()
            let squares = try await pool.map(0..<100, chunkSize: 1, bufferSize: 20) { n in
                most.raise(to: atWork.add())
                defer { atWork.add(-1) }
                Thread.sleep(forTimeInterval: 0.0002)
                return n * n
            }.collect()
            #expect(squares == (0..<100).map { $0 * $0 })
            #expect((1...maxPending).contains(most.value))
            let any: any PoolExecutor = pool
            let others = try await any.map(0..<50, Work.square).collect()
            #expect(others == (0..<50).map(Work.square))
            let value = try await any.run(Work.square, 4)
            #expect(value == 16)
        }
    }
}
