import ConcurrentFutures
import Foundation
import Testing

@Suite("Limits of time in a process pool", .fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct DeadlineTests {
    // C1
    @Test("a task that ignores everything is dead soon after the grace period, and another worker goes on")
    func ignoresEverything() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1, options: .grace(.milliseconds(200))) { pool in
            let first = try await pool.run(StoppingWork.spin, 0)
            let start = ContinuousClock.now
            let error = await expectPoolError(.timedOut) {
                try await pool.run(StoppingWork.ignoreAll, directory.file("began"), timeout: .milliseconds(300))
            }
            let time = ContinuousClock.now - start
            #expect(time >= .milliseconds(500) && time < testBound)
            #expect(error?.message.contains("timeout of 0.3 seconds") == true)
            #expect(error?.message.contains("DeadlineTests.swift") == true)
            #expect(error?.pid == first)
            #expect(error?.signal == SIGKILL)
            #expect(directory.has("began"))
            let second = try await pool.run(StoppingWork.spin, 0)
            #expect(second != first)
        }
    }

    // C1
    @Test("a task that ignores everything is dead within 20 ms of the end of its grace period")
    func deadInTime() async throws {
        let directory = try TemporaryDirectory()
        let (timeout, grace, promised) = (
            Duration.milliseconds(100), Duration.milliseconds(50), Duration.milliseconds(20)
        )
        try await withProcessPool(maxWorkers: 1, options: .grace(grace)) { pool async throws in
            // The promise is for a machine that does nothing else. On one that is busy it takes long until each of those runs who have a part in a
            // kill, so a try shows nothing there; on a quiet one a kill that comes late by itself comes late each time.
            var lateThoughQuiet = 0
            for attempt in 1...10 {
                // The time of starting a worker is not in question.
                _ = try await pool.run(StoppingWork.spin, 0)
                let stopwatch = Stopwatch()
                let start = ContinuousClock.now
                let error = await expectPoolError(.timedOut) {
                    try await pool.run(
                        StoppingWork.ignoreAllAsleep,
                        directory.file("began \(attempt)"),
                        timeout: timeout
                    )
                }
                let lateness = .now - start - timeout - grace
                let wasQuiet = stopwatch.wasQuiet
                #expect(lateness >= .zero && error?.signal == SIGKILL)
                if lateness < promised { return }
                if wasQuiet { lateThoughQuiet += 1 }
            }
            #expect(lateThoughQuiet < 3)
        }
    }

    // C1
    @Test("a task that does not handle SIGTERM is dead of it after half of the grace period")
    func terminated() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1, options: .grace(.seconds(4))) { pool in
            let first = try await pool.run(StoppingWork.spin, 0)
            let start = ContinuousClock.now
            let error = await expectPoolError(.timedOut) {
                try await pool.run(StoppingWork.neverListen, directory.file("began"), timeout: .milliseconds(100))
            }
            #expect(.now - start >= .milliseconds(2100))
            // It could end in no other way before the end of the grace period, and then not in this one.
            #expect(error?.signal == SIGTERM)
            #expect(error?.pid == first)
            let second = try await pool.run(StoppingWork.spin, 0)
            #expect(second != first)
        }
    }

    // C1
    @Test("a handler for SIGTERM has the other half of the grace period", arguments: [false, true])
    func handled(terminating: Bool) async throws {
        let directory = try TemporaryDirectory()
        let initializer = StartupCall.call(StoppingWork.handleTermination, directory.file("handled"))
        try await withProcessPool(maxWorkers: 1, initializer: initializer, options: .grace(.seconds(4))) { pool in
            _ = try await pool.run(StoppingWork.spin, 0)
            let start = ContinuousClock.now
            let future = pool.submit(
                StoppingWork.neverListen,
                directory.file("began"),
                timeout: terminating ? nil : .milliseconds(100)
            )
            #expect(await becomesTrue { directory.has("began") })
            let end = Task { if terminating { await pool.terminate() } }
            #expect(await becomesTrue { directory.has("handled") })
            #expect(.now - start >= .seconds(2))
            // This may come here late, on a machine with much else to do.
            let isDone = future.isDone
            if .now - start < .seconds(4) { #expect(!isDone) }
            if terminating {
                await #expect(throws: CancellationError.self) { try await future.value }
            } else {
                let error = await expectPoolError(.timedOut) { try await future.value }
                #expect(error?.signal == SIGKILL)
            }
            #expect(.now - start >= .seconds(4))
            let pid = try directory.pid("began")
            #expect(!ProcessWork.isAlive(pid))
            await end.value
        }
    }

    // C2
    @Test("the timeout starts when the task does, the deadline with the call")
    func fromStart() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1) { pool in
            let gate = FileGate(in: directory)
            let blocker = pool.submit(Work.passGate, gate, "blocker")
            #expect(await becomesTrue { gate.hasBegun("blocker") })
            let patient = pool.submit(Work.square, 3, timeout: .milliseconds(900))
            let hasty = pool.submit(Work.touch, directory.file("hasty"), deadline: .seconds(1))
            let error = await expectPoolError(.timedOut) { try await hasty.value }
            #expect(error?.message.contains("before it was begun") == true)
            #expect(!blocker.isDone)
            try gate.release()
            let value = try await patient.value
            #expect(value == 9)
            #expect(!directory.has("hasty"))
        }
    }

    @Test("a deadline that passes while the task runs stops it")
    func deadlineWhileRunning() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1, options: .grace(.zero)) { pool in
            _ = try await pool.run(ProcessWork.pid, 0)
            let error = await expectPoolError(.timedOut) {
                try await pool.run(StoppingWork.neverListen, directory.file("began"), deadline: .seconds(1))
            }
            #expect(error?.message.contains("while it ran") == true)
        }
    }

    // C3
    @Test("the result of a task that ran too long is dropped, and its worker is kept")
    func lateResult() async throws {
        try await withProcessPool(maxWorkers: 1, options: .grace(.seconds(60))) { pool in
            let first = try await pool.run(StoppingWork.spin, 0)
            _ = await expectPoolError(.timedOut) {
                try await pool.run(StoppingWork.spin, 300, timeout: .milliseconds(100))
            }
            let second = try await pool.run(StoppingWork.spin, 0)
            #expect(second == first)
            let isCancelled = try await pool.run(StoppingWork.isCancelled, 0)
            #expect(!isCancelled)
            let isCancelledLater = try await pool.run(StoppingWork.isCancelledLater, 0)
            #expect(!isCancelledLater)
        }
    }

    // D2
    @Test("a worker whose process was stopped is killed after the deadline", arguments: [0, 200])
    func stoppedProcess(gracePeriod: Int) async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 2, options: .grace(.milliseconds(gracePeriod))) { pool in
            let stopped = pool.submit(
                StoppingWork.stopOwnProcess,
                directory.file("began"),
                timeout: .milliseconds(200)
            )
            let others = (0..<20).map { pool.submit(Work.square, $0) }
            _ = await expectPoolError(.timedOut) { try await stopped.value }
            for (n, other) in others.enumerated() {
                let value = try await other.value
                #expect(value == n * n)
            }
        }
    }

    // D2
    @Test(
        "a worker that was stopped before it began is replaced, and its tasks run elsewhere",
        arguments: [nil, .milliseconds(500), .seconds(600)] as [Duration?]
    )
    func stoppedBefore(timeout: Duration?) async throws {
        try await withProcessPool(maxWorkers: 1) { pool in
            let first = try await pool.run(ProcessWork.pid, 0)
            try await stopProcess(first)
            let futures = (0..<5).map { pool.submit(ProcessWork.pid, $0, timeout: timeout) }
            for future in futures {
                let pid = try await future.value
                #expect(pid != first)
            }
        }
    }

    // D2
    @Test("a worker that stands still with what was taken back from it gets nothing more for long")
    func stoppedWithWhatWasTakenBack() async throws {
        try await withProcessPool(maxWorkers: 1) { pool in
            let first = try await pool.run(ProcessWork.pid, 0)
            try await stopProcess(first)
            let cancelled = pool.submit(ProcessWork.pid, 1)
            #expect(cancelled.cancel())
            let second = try await pool.run(ProcessWork.pid, 2)
            #expect(second != first)
        }
    }

    @Test("a pool's timeout holds for tasks that have none of their own")
    func poolsTimeout() async throws {
        let options = ProcessPoolOptions(timeout: .milliseconds(200), gracePeriod: .zero)
        try await withProcessPool(maxWorkers: 1, options: options) { pool in
            _ = await expectPoolError(.timedOut) { try await pool.run(StoppingWork.spin, 60_000) }
            _ = await expectPoolError(.timedOut) {
                try await pool.run(StoppingWork.spin, 60_000, deadline: .seconds(60))
            }
            _ = try await pool.run(StoppingWork.spin, 300, timeout: .seconds(60))
        }
    }

    @Test("the timeout of a map is each item's, in a chunk, too", arguments: [1, 4, 10], [0, 60_000])
    func mapTimeout(chunkSize: Int, gracePeriod: Int) async throws {
        try await withProcessPool(maxWorkers: 2, options: .grace(.milliseconds(gracePeriod))) { pool in
            let function = gracePeriod == 0 ? StoppingWork.spinIfThree : StoppingWork.listenIfThree
            let results = pool.map(0..<10, chunkSize: chunkSize, timeout: .milliseconds(200), function).results
            var index = 0
            for await result in results {
                if index == 3 {
                    #expect((result.error as? PoolError)?.code == .timedOut)
                } else {
                    let value = try result.get()
                    #expect(value == index)
                }
                index += 1
            }
            #expect(index == 10)
        }
    }

    @Test("thousands of tasks whose limits never matter have their values")
    func manyLimits() async throws {
        try await withProcessPool(maxWorkers: 2) { pool in
            for _ in 0..<10 {
                let futures = (0..<1000).map {
                    pool.submit(Work.square, $0, timeout: .seconds(3600), deadline: .seconds(7200))
                }
                for (n, future) in futures.enumerated() {
                    let value = try await future.value
                    #expect(value == n * n)
                }
            }
        }
    }

    @Test("a limit that makes no sense is refused by the future", arguments: [Duration.zero, .seconds(-1)])
    func nonsense(timeout: Duration) async throws {
        try await withProcessPool(maxWorkers: 1) { pool in
            let error = await expectPoolError(.invalidConfiguration) {
                try await pool.run(Work.square, 2, timeout: timeout)
            }
            #expect(error?.message.contains("timeout") == true)
            let none = await expectPoolError(.invalidConfiguration) {
                try await pool.run(Work.square, 2, retry: RetryPolicy(maxAttempts: 0))
            }
            #expect(none?.message.contains("maxAttempts") == true)
        }
    }
}
