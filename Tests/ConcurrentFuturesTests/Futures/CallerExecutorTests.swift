import Dispatch
import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite("Staying on the caller's executor", .fewAtOnce, .timeLimit(.minutes(5)))
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
        var iterator = asCompleted(futures).makeAsyncIterator()
        while await iterator.next() != nil { count += 1 }
        var limitedIterator = asCompleted(futures, timeout: .zero).makeAsyncIterator()
        while try await limitedIterator.next() != nil { count += 1 }
        #expect(count == 6 * futures.count)
        for condition in [WaitCondition.allCompleted, .firstCompleted, .firstFailed] {
            let result = await futures.wait(until: condition)
            #expect(result.notDone.isEmpty)
        }
    }

    /// Everything that is async of an executor that never lets its caller wait.
    nonisolated(nonsending) static func callEverything(_ pool: InlineExecutor) async throws {
        var sum = try await pool.run(Work.square, 2)
        try await pool.run(doNothing, 1)
        sum += try await pool.submit(Work.square, 3).value
        for try await square in pool.map(0..<10, Work.square) { sum += square }
        for await outcome in pool.map(0..<10, chunkSize: 3, Work.square).results { sum += try outcome.get() }
        for try await square in pool.mapUnordered(0..<10, Work.square) { sum += square }
        var squares = pool.map(0..<10, Work.square).makeAsyncIterator()
        while let square = try await squares.next() { sum += square }
        var outcomes = pool.map(0..<10, Work.square).results.makeAsyncIterator()
        while let outcome = await outcomes.next() { sum += try outcome.get() }
        sum += try await Self.sum(pool.map(0..<10, Work.square))
        sum += try await pool.map(0..<10, Work.square).collect().count
        sum += await pool.map(0..<10, Work.square).results.collect().count
        sum += try await Caller().run(Work.square, 3)
        #expect(sum == 4 + 9 + 6 * 285 + 20 + 9)
        await pool.shutdown()
    }

    /// By way of the protocol.
    private nonisolated(nonsending) static func sum<Numbers: AsyncSequence>(_ numbers: Numbers) async throws -> Int
    where Numbers.Element == Int {
        var iterator = numbers.makeAsyncIterator()
        var sum = 0
        while let number = try await iterator.next(isolation: #isolation) { sum += number }
        return sum
    }

    static func finishedFutures() -> [Future<Int>] {
        let encoded = TestControl().future(of: Int.self)
        encoded.complete(encoded: .bytes([1]))
        return [Future.returned(1), encoded]
    }

    // F12
    @Test("from the main actor: work queued there before does not get in between")
    @MainActor func mainActor() async throws {
        var hasRun = false
        let task = Task { @MainActor in hasRun = true }
        try await Self.awaitEverything(Self.finishedFutures())
        try await Self.callEverything(InlineExecutor())
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
            try await Self.callEverything(InlineExecutor())
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

    // F12
    @Test("whoever waits on an actor comes to Swift's own pool no oftener than a bare continuation does")
    func staysOnActor() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            // In a process of its own, in which nobody else does anything, and not as a part of the task, which prefers a thread.
            let counts = try await pool.run { () async throws -> [String: Int] in
                try await Task { try await jobsOfWaiting() }.value
            }
            #expect(counts.count == 18 && counts.values.allSatisfy { $0 <= 0 }, "\(counts)")
        }
    }
}

/// For each way to wait on an actor for what other threads and processes do: how many jobs come to Swift's own pool beyond one each time
/// that the task sleeps. Swift itself wakes a sleeping task there, whatever it runs on.
@MainActor private func jobsOfWaiting() async throws -> [String: Int] {
    GlobalJobs.startCounting()
    func pending() -> Future<Int> {
        let future = TestControl().future(of: Int.self)
        Thread {
            while future.waiterCount == 0 { usleep(100) }
            // Whoever is about to sleep is to sleep.
            usleep(1000)
            future.complete(.success(1))
        }.start()
        return future
    }
    var counts: [String: Int] = [:]
    var before = GlobalJobs.count
    func note(_ name: String, sleeps: Int = 1) {
        counts[name] = GlobalJobs.count - before - sleeps
        before = GlobalJobs.count
    }
    await withUnsafeContinuation { continuation in
        Thread {
            usleep(10_000)
            continuation.resume()
        }.start()
    }
    note("a bare continuation")
    _ = try await pending().value
    note("value")
    for await _ in asCompleted([pending()]) {}
    note("asCompleted")
    await [pending()].wait()
    note("wait")

    let threads = try ThreadPoolExecutor(maxWorkers: 1, maxPending: 1)
    try await waitFor(threads, "threads", note)
    threads.submit(pause, 10)
    await threads.shutdown()
    note("shutdown of threads")
    try await withThreadPool(maxWorkers: 1) { _ = $0.submit(pause, 10) }
    note("scope of threads")

    let processes = try ProcessPoolExecutor(maxWorkers: 1, options: ProcessPoolOptions(maxPending: 1))
    try await waitFor(processes, "processes", note)
    processes.submit(pause, 10)
    await processes.shutdown()
    note("shutdown of processes")
    let stopped = try ProcessPoolExecutor(maxWorkers: 1)
    let running = stopped.submit(pause, 60_000)
    while !running.isRunning { usleep(1000) }
    await stopped.terminate(gracePeriod: .zero)
    note("terminate")
    try await withProcessPool(maxWorkers: 1) { _ = $0.submit(pause, 10) }
    note("scope of processes")
    do {
        try await withProcessPool(maxWorkers: 1, options: .grace(.zero)) { pool in
            pool.submit(pause, 60_000)
            throw Refusal(number: 1)
        }
    } catch {}
    note("scope of processes left by an error")
    return counts
}

/// Waits in every way for tasks of a pool that takes one task at a time.
@MainActor private func waitFor(_ pool: some PoolExecutor, _ name: String, _ note: (String, Int) -> Void) async throws {
    try await pool.run(pause, 10)
    note("run in \(name)", 1)
    pool.submit(pause, 10)
    try await pool.run(pause, 0)
    note("run in \(name) that waits for room", 2)
    for try await _ in pool.map([10], pause) {}
    note("map in \(name)", 1)
    for try await _ in pool.mapUnordered([10, 0, 10], pause) {}
    // For room and for the result of each item, at most.
    note("mapUnordered in \(name) that waits for room", 6)
}

private func pause(_ milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

/// Counts what is given to the threads of Swift's own pool, through the hook that its runtime has for those who replace the pool.
private enum GlobalJobs {
    private static let jobs = Atomic(0)
    static var count: Int { jobs.load(ordering: .relaxed) }

    static func startCounting() {
        typealias Original = @convention(c) (UnsafeMutableRawPointer) -> Void
        typealias Hook = @convention(c) (UnsafeMutableRawPointer, Original) -> Void
        let hook: Hook = { job, original in
            GlobalJobs.jobs.add(1, ordering: .relaxed)
            original(job)
        }
        dlsym(nil, "swift_task_enqueueGlobal_hook")!.storeBytes(of: hook, as: Hook.self)
    }
}

/// An executor that runs what it is given right where it is asked to.
private final class Caller: PoolExecutor {
    var maxWorkers: Int { 1 }

    func enqueue<Output: Sendable>(_ call: TaskCall<Output>, options: TaskOptions) -> Future<Output> {
        Future(failed: PoolError(.queueFull, "it has to be waited for"))
    }

    nonisolated(nonsending) func enqueueWhenRoom<Output: Sendable>(
        _ call: TaskCall<Output>,
        options: TaskOptions
    ) async -> Future<Output> {
        do {
            return Future.returned(try await call.run())
        } catch {
            return Future(failed: error)
        }
    }

    nonisolated(nonsending) func shutdown(cancelPending: Bool) async {}
}

private func doNothing(_ n: Int) {}

private actor CountingActor {
    let executor = CountingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func awaitEverything() async throws {
        let jobs = executor.jobs
        try await CallerExecutorTests.awaitEverything(CallerExecutorTests.finishedFutures())
        #expect(executor.jobs == jobs)
        try await CallerExecutorTests.callEverything(InlineExecutor())
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
