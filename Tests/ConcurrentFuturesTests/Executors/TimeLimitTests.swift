import ConcurrentFutures
import Foundation
import Testing

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
                #expect(error?.message.contains("TimeLimitTests.swift") == true)
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
            #expect(error?.message.contains("TimeLimitTests.swift") == true)
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
            #expect(error?.message.contains("TimeLimitTests.swift") == true)
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
            #expect(error?.message.contains("TimeLimitTests.swift") == true)
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
