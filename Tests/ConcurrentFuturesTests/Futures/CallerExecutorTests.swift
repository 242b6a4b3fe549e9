import Dispatch
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite("Staying on the caller's executor")
struct CallerExecutorTests {
    /// Everything that is async, over futures that have finished.
    nonisolated(nonsending) static func awaitEverything(_ futures: [Future<Int>]) async throws {
        // No `await` inside `#expect`, which hops itself.
        var count = 0
        for future in futures {
            count += try await future.value
            count += try await future.result.get()
        }
        for await _ in asCompleted(futures) { count += 1 }
        for try await _ in asCompleted(futures, timeout: .zero) { count += 1 }
        #expect(count == 4 * futures.count)
        for condition in [WaitCondition.allCompleted, .firstCompleted, .firstFailed] {
            let result = await futures.wait(until: condition)
            #expect(result.notDone.isEmpty)
        }
    }

    static func finishedFutures() -> [Future<Int>] {
        let encoded = TestControl().future(decoder: ByteDecoder())
        encoded.complete(encoded: .bytes([1]))
        return [Future(completed: .success(1)), encoded]
    }

    // F12
    @Test("from the main actor: work queued there before does not get in between")
    @MainActor func mainActor() async throws {
        var hasRun = false
        let task = Task { @MainActor in hasRun = true }
        try await Self.awaitEverything(Self.finishedFutures())
        #expect(!hasRun)
        await task.value
        #expect(hasRun)
    }

    // F12
    @Test("from an actor")
    func actor() async throws {
        let actor = CountingActor()
        try await actor.awaitEverything()
    }

    // F12
    @Test("from a plain task")
    func plainTask() async throws {
        let executor = CountingTaskExecutor()
        try await Task(executorPreference: executor) {
            let jobs = executor.jobs
            try await Self.awaitEverything(Self.finishedFutures())
            #expect(executor.jobs == jobs)
        }.value
    }

    // F12
    @Test("a waiter is resumed on its own actor, once")
    func resumed() async throws {
        let actor = CountingActor()
        let future = TestControl().future(of: Int.self)
        let jobs = Task { try await actor.jobsToAwait(future) }
        await eventually { future.waiterCount == 1 }
        future.complete(.success(1))
        #expect(try await jobs.value == 1)
    }
}

private actor CountingActor {
    let executor = CountingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func awaitEverything() async throws {
        let jobs = executor.jobs
        try await CallerExecutorTests.awaitEverything(CallerExecutorTests.finishedFutures())
        #expect(executor.jobs == jobs)
    }

    func jobsToAwait(_ future: Future<Int>) async throws -> Int {
        let jobs = executor.jobs
        _ = try await future.value
        return executor.jobs - jobs
    }
}

/// Counts how often a task comes back to it.
private final class CountingExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "counting executor")
    private let count = Atomic(0)

    var jobs: Int { count.load(ordering: .relaxed) }

    func enqueue(_ job: consuming ExecutorJob) {
        count.add(1, ordering: .relaxed)
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}

/// As ``CountingExecutor``, for tasks that are on no actor.
private final class CountingTaskExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "counting task executor")
    private let count = Atomic(0)

    var jobs: Int { count.load(ordering: .relaxed) }

    func enqueue(_ job: consuming ExecutorJob) {
        count.add(1, ordering: .relaxed)
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
