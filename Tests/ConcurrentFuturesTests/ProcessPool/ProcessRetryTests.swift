@testable import ConcurrentFutures
import Foundation
import Testing

@Suite("Retries in a process pool", .fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct ProcessRetryTests {
    // C7
    @Test("a crash is tried again as often as the policy says, and each failure is kept")
    func crashes() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 2) { pool in
            let policy = RetryPolicy(maxAttempts: 3)
            let calls = try await pool.run(StoppingWork.crashAtFirst, directory.path, "twice", 2, retry: policy)
            #expect(calls == 3)
            let error = await expectPoolError(.workerCrashed) {
                try await pool.run(StoppingWork.crashAtFirst, directory.path, "always", 100, retry: policy)
            }
            #expect(StoppingWork.calls(directory.path, "always") == 3)
            #expect(error?.previousFailures.count == 2)
            let codes = error?.previousFailures.map { ($0 as? PoolError)?.code }
            #expect(codes == [.workerCrashed, .workerCrashed])
        }
    }

    // C7
    @Test("a timeout is tried again, a thrown error is not unless the policy says so")
    func otherFailures() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 2, options: .grace(.zero)) { pool in
            let calls = try await pool.run(
                StoppingWork.spinAtFirst,
                directory.path,
                "slow",
                1,
                timeout: .milliseconds(500),
                retry: RetryPolicy(maxAttempts: 2)
            )
            #expect(calls == 2)
            await #expect(throws: Refusal(number: 1)) {
                try await pool.run(
                    StoppingWork.throwAtFirst,
                    directory.path,
                    "thrower",
                    1,
                    retry: RetryPolicy(maxAttempts: 5)
                )
            }
            let policy = RetryPolicy(maxAttempts: 5) { $0 is Refusal }
            let throwing = try await pool.run(StoppingWork.throwAtFirst, directory.path, "retried", 3, retry: policy)
            #expect(throwing == 4)
            await #expect(throws: Refusal(number: 5)) {
                try await pool.run(StoppingWork.throwAtFirst, directory.path, "hopeless", 100, retry: policy)
            }
            let others = RetryPolicy(maxAttempts: 5) { !($0 is Refusal) }
            await #expect(throws: Refusal(number: 1)) {
                try await pool.run(StoppingWork.throwAtFirst, directory.path, "others", 100, retry: others)
            }
        }
    }

    @Test("the next attempt waits as long as the policy says, and the deadline ends the waiting")
    func backoff() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1) { pool in
            let start = ContinuousClock.now
            let policy = RetryPolicy(
                maxAttempts: 3,
                backoff: .exponential(from: .milliseconds(100), upTo: .milliseconds(200))
            )
            _ = try await pool.run(StoppingWork.crashAtFirst, directory.path, "a", 2, retry: policy)
            #expect(ContinuousClock.now - start >= .milliseconds(300))
            let patient = RetryPolicy(maxAttempts: 3, backoff: .constant(.seconds(1000)))
            var failures: [any Error] = []
            for (round, limit) in growingLimits.enumerated() where failures.isEmpty {
                let call = (path: directory.path, name: "b-\(round)", crashes: 2)
                let error = await expectPoolError(.timedOut) {
                    try await pool.run(
                        StoppingWork.crashAtFirst,
                        call.path,
                        call.name,
                        call.crashes,
                        deadline: .milliseconds(limit),
                        retry: patient
                    )
                }
                failures = error?.previousFailures ?? []
            }
            #expect(failures.map { ($0 as? PoolError)?.code } == [.workerCrashed])
            let waiting = pool.submit(StoppingWork.crashAtFirst, directory.path, "c", 2, retry: patient)
            #expect(await becomesTrue { StoppingWork.calls(directory.path, "c") == 1 && !waiting.isRunning })
            #expect(waiting.cancel())
            await #expect(throws: CancellationError.self) { try await waiting.value }
        }
    }

    // C8
    @Test("one poisonous task among 100 fails alone, after its attempts")
    func poison() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 2) { pool in
            let policy = RetryPolicy(maxAttempts: 3)
            let futures = (0..<100).map { n in
                n == 50
                    ? pool.submit(StoppingWork.crashAtFirst, directory.path, "\(n)", 100, retry: policy)
                    : pool.submit(StoppingWork.countCall, directory.path, "\(n)", retry: policy)
            }
            for (n, future) in futures.enumerated() {
                if n == 50 {
                    _ = await expectPoolError(.workerCrashed) { try await future.value }
                } else {
                    let calls = try await future.value
                    #expect(calls == 1)
                }
            }
            #expect(StoppingWork.calls(directory.path, "50") == 3)
        }
    }

    @Test("in a map each item has attempts of its own", arguments: [1, 5, 20])
    func items(chunkSize: Int) async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 2) { pool in
            let items = (0..<20).map { Attempt(directory: directory.path, number: $0, failures: $0 % 5 == 2 ? 1 : 0) }
            let calls = try await pool.map(
                items,
                chunkSize: chunkSize,
                retry: RetryPolicy(maxAttempts: 2),
                { try StoppingWork.crashAtFirst($0.directory, "\($0.number)", $0.failures) }
            ).collect()
            #expect(calls == items.map { $0.failures + 1 })
            let thrown = try await pool.map(
                items,
                chunkSize: chunkSize,
                retry: RetryPolicy(maxAttempts: 2) { $0 is Refusal },
                { try StoppingWork.throwAtFirst($0.directory, "thrown-\($0.number)", $0.failures) }
            ).collect()
            #expect(thrown == items.map { $0.failures + 1 })
        }
    }

    @Test("the loss of the fork server counts as nobody's attempt")
    func keeperLost() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1) { pool in
            let first = pool.submit(StoppingWork.neverEndAtFirst, directory.path, retry: RetryPolicy(maxAttempts: 1))
            #expect(await becomesTrue { StoppingWork.calls(directory.path, "call") == 1 })
            kill(try #require(pool.forkServerPid), SIGKILL)
            let calls = try await first.value
            #expect(calls == 2)
        }
    }
}

private struct Attempt: Codable, Sendable {
    var directory: String
    var number: Int
    var failures: Int
}
