import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite(.fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct ThreadPoolLimitsTests {
    @Test("closures that capture have limits, too")
    func ownForms() async throws {
        let calls = Mutex(0)
        let refuseTwice: @Sendable (Int) throws -> Int = { n in
            try calls.withLock { calls in
                calls += 1
                if calls % 3 != 0 { throw Refusal(number: calls) }
                return n
            }
        }
        let refuseTwiceLater: @Sendable (Int) async throws -> Int = { n in
            await Task.yield()
            return try refuseTwice(n)
        }
        let policy = RetryPolicy(maxAttempts: 3, orIf: { _ in true })
        try await withThreadPool(maxWorkers: 1) { pool in
            let submitted = try await pool.submit(refuseTwice, 1, timeout: hour, deadline: hour, retry: policy).value
            #expect(submitted == 1)
            let later = try await pool.submit(refuseTwiceLater, 2, timeout: hour, deadline: hour, retry: policy).value
            #expect(later == 2)
            let run = try await pool.run(refuseTwice, 3, timeout: hour, deadline: hour, retry: policy)
            #expect(run == 3)
            let ranLater = try await pool.run(refuseTwiceLater, 4, timeout: hour, deadline: hour, retry: policy)
            #expect(ranLater == 4)
            let mapped = try await pool.map(0..<3, bufferSize: 1, timeout: hour, retry: policy, refuseTwice).collect()
            #expect(mapped == [0, 1, 2])
            let unordered = try await pool.mapUnordered(0..<3, bufferSize: 1, retry: policy, refuseTwiceLater).collect()
            #expect(unordered == [0, 1, 2])
            let error = await #expect(throws: PoolError.self) {
                try await pool.map(0..<3, deadline: .zero) { n in
                    _ = calls; return n
                }.collect()
            }
            #expect(error?.code == .timedOut)
            let invalid = await #expect(throws: PoolError.self) { try await pool.run({ _ = calls }, timeout: .zero) }
            #expect(invalid?.code == .invalidConfiguration)
            #expect(invalid?.message.contains("ThreadPoolLimitsTests.swift") == true)
        }
    }

    // C3
    @Test("a function is asked to stop at its timeout, and what it does then is dropped", arguments: [true, false])
    func timeout(throwsThen: Bool) async throws {
        let heard = Mutex<ContinuousClock.Instant?>(nil)
        try await withThreadPool(maxWorkers: 1) { pool in
            let start = ContinuousClock.now
            let future = pool.submit(
                { () throws -> Int in
                    if waitUntilCancelled() { heard.withLock { $0 = .now } }
                    if throwsThen { throw Refusal(number: 1) }
                    return 1
                },
                timeout: .milliseconds(50)
            )
            let error = await #expect(throws: PoolError.self) { try await future.value }
            let instant = heard.withLock { $0 }
            #expect(error?.code == .timedOut)
            #expect(error?.message.contains("ProcessPoolExecutor") == true)
            #expect(instant.map { $0 - start >= .milliseconds(50) } == true)
        }
    }

    @Test("a task that is cancelled before its timeout has its own outcome, and no other attempt")
    func cancelledWhileRunning() async throws {
        let calls = Tally()
        try await withThreadPool(maxWorkers: 1) { pool in
            let policy = RetryPolicy(maxAttempts: 3, orIf: { _ in true })
            let value = pool.submit({ () in waitUntilCancelled() }, timeout: hour, retry: policy)
            #expect(await becomesTrue { value.isRunning })
            #expect(!value.cancel())
            let sawIt = try await value.value
            #expect(sawIt)
            let error = pool.submit(
                { () throws -> Int in
                    calls.add()
                    throw Refusal(number: waitUntilCancelled() ? 5 : 6)
                },
                retry: policy
            )
            #expect(await becomesTrue { error.isRunning })
            #expect(!error.cancel())
            await #expect(throws: Refusal(number: 5)) { try await error.value }
        }
        #expect(calls.value == 1)
    }

    @Test("one asked to stop leaves the next in its thread, and in its batch, unasked", arguments: [true, false])
    func unasked(isAsync: Bool) async throws {
        try await withThreadPool(maxWorkers: 1) { pool in
            let items = [false, true, false, false]
            let asked = Tally()
            let sync: @Sendable (Bool) -> Bool = { isSlow in
                guard isSlow else { return Task.isCancelled }
                if waitUntilCancelled() { asked.add() }
                return true
            }
            let async: @Sendable (Bool) async -> Bool = { isSlow in
                await Task.yield()
                return sync(isSlow)
            }
            let timeout = Duration.milliseconds(300)
            let outcomes =
                isAsync
                ? await pool.map(items, chunkSize: 4, timeout: timeout, async).results.collect()
                : await pool.map(items, chunkSize: 4, timeout: timeout, sync).results.collect()
            #expect(outcomes.map { try? $0.get() } == [false, nil, false, false])
            #expect(asked.value == 1)
        }
    }

    @Test("a task that waits for its next attempt holds no thread, and does not run")
    func waitingHoldsNoThread() async throws {
        try await withThreadPool(maxWorkers: 1) { pool in
            let hasRun = Tally()
            let waiting = pool.submit(
                { () throws -> Int in
                    hasRun.add()
                    throw Refusal(number: 1)
                },
                retry: hourly
            )
            for n in 0..<10 {
                let value = try await pool.run { n }
                #expect(value == n)
            }
            #expect(hasRun.value > 0)
            #expect(!waiting.isRunning && !waiting.isDone)
            #expect(waiting.cancel())
        }
    }

    @Test("leaving the scope by an error cancels what waits for its next attempt")
    func scopeWithError() async throws {
        let waiting = Mutex<Future<Int>?>(nil)
        await #expect(throws: Refusal(number: 2)) {
            try await withThreadPool(maxWorkers: 1, name: "l-scope") { pool in
                let future = pool.submit(
                    { () throws -> Int in throw Refusal(number: 1) },
                    deadline: hour,
                    retry: hourly
                )
                waiting.withLock { $0 = future }
                try await pool.run {}
                throw Refusal(number: 2)
            }
        }
        #expect(waiting.withLock { $0?.isCancelled } == true)
        #expect(threadNames("l-scope").isEmpty)
    }

    @Test("the shutdown leaves no thread, though timers were set for later")
    func shutdownLeavesNoThread() async throws {
        let name = "l-shut"
        let pool = try ThreadPoolExecutor(maxWorkers: 2, name: name)
        for n in 0..<20 { pool.submit({ n }, timeout: hour, deadline: hour) }
        let value = try await pool.run({ 5 }, timeout: hour, deadline: hour)
        #expect(value == 5)
        await pool.shutdown()
        #expect(threadNames(name).isEmpty)
    }

    // E16
    @Test("dropping the executor runs what is to be run again, and leaves no thread")
    func dropped() async throws {
        let name = "l-drop"
        let calls = Tally()
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(.milliseconds(50)), orIf: { _ in true })
        var pool: ThreadPoolExecutor? = try ThreadPoolExecutor(maxWorkers: 2, name: name)
        let future = pool?.submit(
            { () throws -> Int in
                if calls.add() == 1 { throw Refusal(number: 1) }
                return 2
            },
            timeout: hour,
            deadline: hour,
            retry: policy
        )
        pool = nil
        let value = try await future?.value
        #expect(value == 2)
        #expect(await becomesTrue { threadNames(name).isEmpty })
    }

    // E11
    @Test("a task with limits lets go of its function when it has ended")
    func released() async throws {
        final class Token: Sendable {}
        try await withThreadPool(maxWorkers: 1) { pool in
            weak var token: Token?
            do {
                let captured = Token()
                token = captured
                pool.submit({ _ = captured }, timeout: hour, deadline: hour, retry: hourly)
                let waiting = pool.submit(
                    { () throws in
                        _ = captured; throw Refusal(number: 1)
                    },
                    retry: hourly
                )
                try await pool.run {}
                waiting.cancel()
            }
            #expect(await becomesTrue { token == nil })
        }
    }

    @Test("a pool that breaks fails what waits for its next attempt, and tells its failures")
    func broken() async throws {
        let threads = Tally()
        let calls = Tally()
        let pool = try ThreadPoolExecutor(
            maxWorkers: 2,
            initializer: {
                if threads.add() > 1 { throw Refusal(number: 9) }
            }
        )
        let waiting = pool.submit({ () throws -> Int in throw Refusal(number: calls.add()) }, retry: hourly)
        #expect(await becomesTrue { calls.value == 1 && !waiting.isRunning })
        let open = DispatchSemaphore(value: 0)
        let blocking = pool.submit { open.wait() }
        #expect(await becomesTrue { blocking.isRunning })
        pool.submit {}
        let error = await #expect(throws: PoolError.self) { try await waiting.value }
        #expect(error?.code == .brokenPool)
        #expect(error?.previousFailures.map { $0 as? Refusal } == [Refusal(number: 1)])
        open.signal()
        try await blocking.value
        await pool.shutdown()
    }

    @Test("many tasks with limits that run, fail, wait and are cancelled at once all end")
    func stress() async throws {
        let name = "l-many"
        let pool = try ThreadPoolExecutor(maxWorkers: 4, maxPending: 200, name: name)
        let policy = RetryPolicy(
            maxAttempts: 4,
            backoff: .exponential(from: .microseconds(50), upTo: .milliseconds(1)),
            orIf: { ($0 as? Refusal)?.number != 3 }
        )
        let ended = Tally()
        await withTaskGroup { group in
            for worker in 0..<8 {
                group.addTask {
                    for round in 0..<250 {
                        let kind = (worker * 7 + round) % 10
                        let options: (timeout: Duration?, deadline: Duration?) = (
                            kind % 3 == 0 ? .microseconds(200) : nil, kind % 4 == 0 ? .microseconds(500) : hour
                        )
                        let call: @Sendable () throws -> Int = {
                            if kind < 3 { throw Refusal(number: kind + 1) }
                            if kind == 3 { Thread.sleep(forTimeInterval: 0.0004) }
                            return kind
                        }
                        let future =
                            kind % 2 == 0
                            ? pool.submit(call, timeout: options.timeout, deadline: options.deadline, retry: policy)
                            : pool.submit(
                                { () async throws -> Int in
                                    await Task.yield()
                                    return try call()
                                },
                                timeout: options.timeout,
                                deadline: options.deadline,
                                retry: policy
                            )
                        future.onCompletion { _ in ended.add() }
                        if round % 6 == worker % 6 { future.cancel() }
                        if round % 3 == 0 { _ = await future.result }
                    }
                }
            }
        }
        await pool.shutdown()
        #expect(ended.value == 8 * 250)
        #expect(threadNames(name).isEmpty)
    }
}

private func waitUntilCancelled() -> Bool {
    let deadline = ContinuousClock.now + testBound
    while !Task.isCancelled, .now < deadline { Thread.sleep(forTimeInterval: 0.0005) }
    return Task.isCancelled
}
