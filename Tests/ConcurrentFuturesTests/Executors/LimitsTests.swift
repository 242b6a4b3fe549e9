import ConcurrentFutures
import Foundation
import Testing

/// Executors with some sizes of chunk.
private func combinations(_ kinds: [ExecutorKind]) -> [(ExecutorKind, Int?)] {
    kinds.flatMap { kind in [1, 7, nil].map { (kind, $0) } }
}

/// Long for a test that waits for it, and much longer than the machine delays a thread.
private func timedOut(_ result: Result<some Sendable, any Error>) -> PoolError? {
    guard case .failure(let error as PoolError) = result, error.code == .timedOut else { return nil }
    return error
}

@Suite("Limits of time in every executor", .fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct TimeLimitTests {
    @Test("limits that make no sense are refused with the option's name", arguments: ExecutorKind.allCases)
    func defects(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let futures = [
                ("timeout", pool.submit(Work.square, 1, timeout: .zero)),
                ("timeout", pool.submit(Work.squareLater, 1, timeout: .seconds(-1))),
                ("maxAttempts", pool.submit(Work.square, 1, retry: RetryPolicy(maxAttempts: 0))),
                (
                    "backoff",
                    pool.submit(Work.square, 1, retry: RetryPolicy(maxAttempts: 2, backoff: .constant(.seconds(-1))))
                ),
            ]
            for (option, future) in futures {
                let error = await #expect(throws: PoolError.self) { try await future.value }
                #expect(error?.code == .invalidConfiguration)
                #expect(error?.message.contains(option) == true)
                #expect(error?.message.contains("LimitsTests.swift") == true)
            }
            let error = await #expect(throws: PoolError.self) {
                try await pool.map(0..<3, timeout: .zero, Work.square).collect()
            }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test("limits that are not reached change nothing", arguments: combinations(ExecutorKind.allCases))
    func unreached(kind: ExecutorKind, chunkSize: Int?) async throws {
        let policy = RetryPolicy(maxAttempts: 3)
        try await kind.with { pool in
            let squares = (0..<50).map(Work.square)
            let withTimeout = pool.map(0..<50, chunkSize: chunkSize, timeout: hour, Work.square)
            #expect(try await withTimeout.collect() == squares)
            let withDeadline = pool.map(0..<50, chunkSize: chunkSize, deadline: hour, Work.squareLater)
            #expect(try await withDeadline.collect() == squares)
            let withAll = pool.map(0..<50, chunkSize: chunkSize, timeout: hour, deadline: hour, retry: policy) {
                await Work.squareLater($0)
            }
            #expect(try await withAll.collect() == squares)
            let value = try await pool.run(Work.square, 5, timeout: hour, deadline: hour, retry: policy)
            #expect(value == 25)
            let later = try await pool.run(Work.squareLater, 6, timeout: hour, deadline: hour, retry: policy)
            #expect(later == 36)
            await #expect(throws: Refusal(number: 7)) { try await pool.run(Work.squareUnlessSeven, 7, timeout: hour) }
        }
    }

    // C3
    @Test("what comes after the timeout is dropped", arguments: ExecutorKind.allCases)
    func lateValue(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let future = pool.submit(LimitedWork.block, 60, timeout: .milliseconds(20))
            let error = timedOut(await future.result)
            #expect(error?.message.contains("LimitsTests.swift") == true)
            #expect(error?.message.contains("0.02 seconds") == true)
            #expect(error?.previousFailures.isEmpty == true)
            #expect(future.isDone && !future.isCancelled)
            let next = try await pool.run(Work.square, 3)
            #expect(next == 9)
        }
    }

    // C6
    @Test("an async task sees its time limit and may clean up", arguments: ExecutorKind.allCases)
    func asyncTask(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        try await kind.with { pool in
            let slow = directory.stop("slow")
            let timeout = pool.submit(LimitedWork.waitForCancellation, slow, timeout: .milliseconds(20))
            #expect(timedOut(await timeout.result) != nil)
            #expect(slow.wasAsked)
            let late = directory.stop("late")
            for limit in growingLimits where !late.hasBegun {
                let deadline = pool.submit(LimitedWork.waitForCancellation, late, deadline: .milliseconds(limit))
                #expect(timedOut(await deadline.result) != nil)
            }
            #expect(late.wasAsked)
        }
    }

    // C2
    @Test(
        "a timeout counts from the start of a task, a deadline from its submission",
        arguments: ExecutorKind.concurrent
    )
    func queued(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await kind.with(maxWorkers: 1) { pool in
            let first = pool.submit(Work.passGate, gate, "first")
            #expect(await becomesTrue { gate.hasBegun("first") })
            let limited = pool.submit(Work.square, 4, timeout: .milliseconds(400))
            let late = pool.submit(Work.passGate, gate, "late", deadline: .milliseconds(500))
            // The end of this one tells that the other has been queued for longer than its timeout.
            let error = timedOut(await late.result)
            #expect(error?.message.contains("LimitsTests.swift") == true)
            #expect(first.isRunning && !limited.isDone)
            try gate.release()
            let value = try await limited.value
            #expect(value == 16)
            _ = try await first.value
        }
        #expect(!gate.hasBegun("late"))
    }

    @Test("a deadline that has passed at once lets nothing run", arguments: ExecutorKind.allCases)
    func passedDeadline(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        try await kind.with { pool in
            #expect(timedOut(await pool.submit(Work.touch, directory.file("a"), deadline: .zero).result) != nil)
            #expect(timedOut(await pool.submit(Work.touchLater, directory.file("b"), deadline: .zero).result) != nil)
        }
        #expect(!directory.has("a") && !directory.has("b"))
    }

    // C5
    @Test("cancelling the task around `run` reaches a call that has limits", arguments: ExecutorKind.allCases)
    func cancelledRun(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        try await kind.with { pool in
            let stop = directory.stop("call")
            let call = Task {
                try await pool.run(LimitedWork.waitForCancellation, stop, timeout: hour, deadline: hour)
            }
            #expect(await becomesTrue { stop.hasBegun })
            call.cancel()
            switch kind {
            case .inline, .thread:
                let value = try await call.value
                #expect(value == 1)
            case .process, .processSpawn:
                await #expect(throws: CancellationError.self) { try await call.value }
            }
            #expect(stop.wasAsked)
        }
    }

    // C3
    @Test("in a map the timeout holds for each item, and the others go on", arguments: ExecutorKind.allCases)
    func items(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let counter = CallCounter(in: directory)
        var items = ["a", "b", "c", "d"].map { LimitedItem(name: $0, counter: counter) }
        items[1].slowCalls = .max
        try await kind.with { pool in
            for isAsync in [false, true] {
                for limit in growingLimits {
                    items[1].milliseconds = limit + 100
                    let results =
                        isAsync
                        ? pool.map(items, chunkSize: 4, timeout: .milliseconds(limit)) { try await $0.runLater() }
                            .results
                        : pool.map(items, chunkSize: 4, timeout: .milliseconds(limit)) { try $0.run() }.results
                    let outcomes = await results.collect()
                    let isLast = limit == growingLimits.last
                    guard isLast || outcomes.count(where: { timedOut($0) != nil }) <= 1 else { continue }
                    #expect(outcomes.map { try? $0.get() } == ["a", nil, "c", "d"])
                    #expect(timedOut(outcomes[1]) != nil)
                    break
                }
            }
            #expect(items[1].stop.wasAsked)
        }
    }

    // E6
    @Test("a map's deadline cancels the rest and ends the iteration", arguments: combinations(ExecutorKind.allCases))
    func mapDeadline(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            let numbers = sequence(first: 5) { _ in 5 }
            let deadline = Duration.milliseconds(200)
            var iterator = pool.map(numbers, chunkSize: chunkSize, deadline: deadline, LimitedWork.block)
                .makeAsyncIterator()
            let error = await #expect(throws: PoolError.self) {
                while let number = try await iterator.next(isolation: #isolation) { #expect(number == 5) }
            }
            #expect(error?.code == .timedOut)
            #expect(error?.message.contains("LimitsTests.swift") == true)
            #expect(error?.message.contains("deadline of the map") == true)
            let rest = try await iterator.next(isolation: #isolation)
            #expect(rest == nil)
            let outcomes = await pool.map(numbers, chunkSize: chunkSize, deadline: deadline, LimitedWork.block)
                .results.collect()
            #expect(timedOut(outcomes[outcomes.count - 1]) != nil)
            #expect(outcomes.dropLast().allSatisfy { (try? $0.get()) == 5 })
            let next = try await pool.run(Work.square, 3)
            #expect(next == 9)
        }
    }

    // E6
    @Test("a map's deadline asks what runs to stop", arguments: ExecutorKind.allCases, [true, false])
    func mapDeadlineOfRunning(kind: ExecutorKind, isOrdered: Bool) async throws {
        let directory = try TemporaryDirectory()
        let stops = (0..<3).map { directory.stop("\($0)") }
        try await kind.with { pool in
            for limit in growingLimits where !stops[0].hasBegun {
                let results =
                    isOrdered
                    ? pool.map(stops, deadline: .milliseconds(limit), LimitedWork.waitForCancellation)
                    : pool.mapUnordered(stops, deadline: .milliseconds(limit), LimitedWork.waitForCancellation)
                let error = await #expect(throws: PoolError.self) { try await results.collect() }
                #expect(error?.code == .timedOut)
            }
        }
        #expect(stops[0].wasAsked)
    }
}

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
