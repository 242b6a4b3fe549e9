import ConcurrentFutures
import Foundation
import Testing

@Suite("Retries in every executor", .fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct RetryPolicyTests {
    private let always: @Sendable (any Error) -> Bool = { _ in true }

    // C7
    @Test("a task that runs out of time is run again until it does not", arguments: ExecutorKind.allCases)
    func timeouts(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        try await kind.with { pool in
            let policy = RetryPolicy(maxAttempts: 10)
            let value = try await pool.run(
                LimitedWork.dawdle,
                counter,
                1,
                310,
                timeout: .milliseconds(300),
                retry: policy
            )
            #expect(value >= 2)
            #expect(counter.count() == value)
        }
    }

    // C7
    @Test("the attempts are counted, and the failure of each is kept", arguments: ExecutorKind.allCases)
    func usedUp(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        try await kind.with { pool in
            let future = pool.submit(
                LimitedWork.dawdle,
                counter,
                .max,
                30,
                timeout: .milliseconds(20),
                retry: RetryPolicy(maxAttempts: 3)
            )
            let error = timedOut(await future.result)
            #expect(error?.previousFailures.map { ($0 as? PoolError)?.code } == [.timedOut, .timedOut])
            #expect(counter.count() == 3)
        }
    }

    // C7
    @Test("a failure is retried only if the policy says so", arguments: ExecutorKind.allCases)
    func unasked(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        try await kind.with { pool in
            await #expect(throws: Refusal(number: 1)) {
                try await pool.run(LimitedWork.refuse, counter, .max, retry: RetryPolicy(maxAttempts: 3))
            }
            let others = RetryPolicy(maxAttempts: 3, orIf: { $0 is CancellationError })
            await #expect(throws: Refusal(number: 2)) {
                try await pool.run(LimitedWork.refuseLater, counter, .max, retry: others)
            }
            let crashes = RetryPolicy(maxAttempts: 3, after: .crash, orIf: always)
            let late = pool.submit(LimitedWork.dawdle, counter, .max, 30, timeout: .milliseconds(20), retry: crashes)
            #expect(timedOut(await late.result)?.previousFailures.isEmpty == true)
            #expect(counter.count() == 3)
        }
    }

    // C7
    @Test("a task that throws is run again if the policy says so", arguments: ExecutorKind.allCases)
    func thrown(kind: ExecutorKind) async throws {
        let policy = RetryPolicy(maxAttempts: 3, orIf: { $0 is Refusal })
        try await kind.with { pool in
            for isAsync in [false, true] {
                let counter = CallCounter(in: try TemporaryDirectory())
                try FileManager.default.createDirectory(atPath: counter.directory, withIntermediateDirectories: true)
                defer { try? FileManager.default.removeItem(atPath: counter.directory) }
                let value =
                    isAsync
                    ? try await pool.run(LimitedWork.refuseLater, counter, 2, retry: policy)
                    : try await pool.run(LimitedWork.refuse, counter, 2, retry: policy)
                #expect(value == 3)
                await #expect(throws: Refusal(number: 6)) {
                    isAsync
                        ? try await pool.run(LimitedWork.refuseLater, counter, 100, retry: policy)
                        : try await pool.run(LimitedWork.refuse, counter, 100, retry: policy)
                }
                #expect(counter.count() == 6)
            }
        }
    }

    @Test("the next attempt begins after the backoff", arguments: ExecutorKind.allCases)
    func backoff(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let policy = RetryPolicy(
            maxAttempts: 3,
            backoff: .exponential(from: .milliseconds(20), upTo: .seconds(1)),
            orIf: always
        )
        try await kind.with { pool in
            let start = ContinuousClock.now
            let value = try await pool.run(LimitedWork.refuse, counter, 2, retry: policy)
            #expect(value == 3)
            #expect(.now - start >= .milliseconds(60))
        }
    }

    @Test("a task that waits for its next attempt is cancelled at once", arguments: ExecutorKind.allCases)
    func cancelledWhileWaiting(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(hour), orIf: always)
        try await kind.with { pool in
            let future = pool.submit(LimitedWork.refuseLater, counter, .max, retry: policy)
            #expect(await becomesTrue { counter.count() == 1 && !future.isRunning })
            #expect(!future.isDone)
            #expect(future.cancel())
            #expect(future.isCancelled)
            await #expect(throws: CancellationError.self) { try await future.value }
        }
        #expect(counter.count() == 1)
    }

    @Test("the shutdown waits for a task that is to be run again", arguments: ExecutorKind.allCases)
    func shutdown(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let pool = try kind.make()
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(.milliseconds(100)), orIf: always)
        let future = pool.submit(LimitedWork.refuseLater, counter, 1, retry: policy)
        await pool.shutdown()
        #expect(future.isDone)
        let value = try await future.value
        #expect(value == 2)
    }

    @Test("the shutdown that cancels what is pending cancels it", arguments: ExecutorKind.allCases)
    func cancellingShutdown(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let pool = try kind.make()
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(hour), orIf: always)
        let future = pool.submit(LimitedWork.refuseLater, counter, .max, retry: policy)
        #expect(await becomesTrue { counter.count() == 1 && !future.isRunning })
        await pool.shutdown(cancelPending: true)
        #expect(future.isCancelled)
        #expect(counter.count() == 1)
    }

    @Test("what still runs at such a shutdown ends, and is not run again", arguments: ExecutorKind.allCases)
    func runningAtCancellingShutdown(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let gate = FileGate(in: directory)
        let pool = try kind.make(maxWorkers: 1)
        let policy = RetryPolicy(maxAttempts: 2, orIf: always)
        let waiting = RetryPolicy(maxAttempts: 2, backoff: .constant(hour), orIf: always)
        // The end of this one tells that the shutdown has begun.
        let other = pool.submit(LimitedWork.refuseLater, counter, .max, retry: waiting)
        #expect(await becomesTrue { counter.count() == 1 && !other.isRunning })
        let running = pool.submit(LimitedWork.refuseAtGate, counter, gate, retry: policy)
        #expect(await becomesTrue { counter.count() == 2 })
        async let shutdown: Void = pool.shutdown(cancelPending: true)
        #expect(await becomesTrue { other.isCancelled })
        try gate.release()
        await shutdown
        await #expect(throws: (any Error).self) { try await running.value }
        #expect(counter.count() == 2)
    }

    // F3, F13
    @Test("a policy is asked while a callback blocks", arguments: ExecutorKind.concurrent)
    func askedBesideCallbacks(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let policy = RetryPolicy(maxAttempts: 3, orIf: always)
        try await kind.with { pool in
            let value = await withCheckedContinuation { continuation in
                pool.submit(Work.answer).onCompletion { _ in
                    continuation.resume(
                        returning: try? pool.submit(LimitedWork.refuse, counter, 2, retry: policy).get()
                    )
                }
            }
            #expect(value == 3)
        }
    }

    // C5
    @Test(
        "cancelling the task around `run` ends the wait of a synchronous function, too",
        arguments: ExecutorKind.allCases
    )
    func cancelledRunOfSynchronous(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(hour), orIf: always)
        try await kind.with { pool in
            let call = Task { try await pool.run(LimitedWork.refuse, counter, .max, retry: policy) }
            #expect(await becomesTrue { counter.count() == 1 })
            call.cancel()
            await #expect(throws: (any Error).self) { try await call.value }
        }
        #expect(counter.count() == 1)
    }

    // C7
    @Test(
        "an error of the pool's that a function throws keeps the failures before it",
        arguments: ExecutorKind.allCases
    )
    func keptInThrownError(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        try await kind.with { pool in
            for policy in [RetryPolicy(maxAttempts: 2), RetryPolicy(maxAttempts: 2, orIf: always)] {
                let future = pool.submit(
                    LimitedWork.dawdleThenTimeOut,
                    counter,
                    310,
                    timeout: .milliseconds(300),
                    retry: policy
                )
                let error = timedOut(await future.result)
                #expect(error?.message == "thrown by the function for 2")
                #expect(error?.previousFailures.count == 1)
                try counter.reset()
            }
        }
    }

    // C5
    @Test("cancelling the task around `run` ends the wait for the next attempt", arguments: ExecutorKind.allCases)
    func cancelledRun(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(hour), orIf: always)
        try await kind.with { pool in
            let call = Task { try await pool.run(LimitedWork.refuseLater, counter, .max, retry: policy) }
            #expect(await becomesTrue { counter.count() == 1 })
            call.cancel()
            // The function's own error if it had not ended yet.
            let error = await #expect(throws: (any Error).self) { try await call.value }
            #expect(error is CancellationError || error as? Refusal == Refusal(number: 1))
        }
        #expect(counter.count() == 1)
    }

    @Test("dropping the executor finishes what is to be run again", arguments: ExecutorKind.allCases)
    func dropped(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(.milliseconds(100)), orIf: always)
        var pool: (any PoolExecutor)? = try kind.make()
        let future = pool?.submit(LimitedWork.refuseLater, counter, 1, retry: policy)
        pool = nil
        let value = try await future?.value
        #expect(value == 2)
    }

    @Test("a deadline ends the wait for the next attempt", arguments: ExecutorKind.allCases, [true, false])
    func deadline(kind: ExecutorKind, isAsync: Bool) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        let policy = RetryPolicy(maxAttempts: 2, backoff: .constant(hour), orIf: always)
        try await kind.with { pool in
            for limit in growingLimits {
                let calls = counter.count()
                let future =
                    isAsync
                    ? pool.submit(LimitedWork.refuseLater, counter, .max, deadline: .milliseconds(limit), retry: policy)
                    : pool.submit(LimitedWork.refuse, counter, .max, deadline: .milliseconds(limit), retry: policy)
                let error = try #require(timedOut(await future.result))
                guard !error.previousFailures.isEmpty else { continue }
                #expect(error.previousFailures.map { $0 as? Refusal } == [Refusal(number: calls + 1)])
                #expect(counter.count() == calls + 1)
                return
            }
            Issue.record("no attempt ended before its deadline")
        }
    }

    // C7
    @Test("in a map each item has attempts of its own", arguments: ExecutorKind.allCases, [true, false])
    func items(kind: ExecutorKind, isAsync: Bool) async throws {
        let policy = RetryPolicy(maxAttempts: 5)
        try await kind.with { pool in
            for limit in growingLimits {
                let directory = try TemporaryDirectory()
                let counter = CallCounter(in: directory)
                var items = ["a", "b", "c"].map { LimitedItem(name: $0, counter: counter) }
                items[1].slowCalls = 1
                items[1].milliseconds = limit + 10
                let results =
                    isAsync
                    ? pool.map(items, chunkSize: 3, timeout: .milliseconds(limit), retry: policy) {
                        try await $0.runLater()
                    }
                    : pool.map(items, chunkSize: 3, timeout: .milliseconds(limit), retry: policy) { try $0.run() }
                let names = try await results.collect()
                #expect(names == ["a", "b", "c"])
                let counts = items.map { counter.count($0.name) }
                // On a busy machine an item that need not wait may run out of its time, too.
                guard counts == [1, 2, 1] || limit == growingLimits.last else { continue }
                #expect(counts == [1, 2, 1])
                break
            }
        }
    }

    // C7
    @Test("in a map an item that throws is run again by itself", arguments: combinations(ExecutorKind.allCases))
    func throwingItems(kind: ExecutorKind, chunkSize: Int?) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        var items = (0..<7).map { LimitedItem(name: "\($0)", counter: counter) }
        items[2].failures = 1
        items[4].failures = 9
        let policy = RetryPolicy(maxAttempts: 3, orIf: always)
        try await kind.with { pool in
            let outcomes = await pool.map(items, chunkSize: chunkSize, retry: policy) { try $0.run() }.results.collect()
            #expect(outcomes.map { try? $0.get() } == ["0", "1", "2", "3", nil, "5", "6"])
            #expect(items.map { counter.count($0.name) } == [1, 1, 2, 1, 3, 1, 1])
        }
    }
}
