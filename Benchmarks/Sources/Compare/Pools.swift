import ConcurrentFutures

/// A pool whose workers have all been at work, as all figures but those of starting have it.
nonisolated(nonsending) func withWarmPool<Output>(
    workers: Int = 2,
    options: ProcessPoolOptions = ProcessPoolOptions(),
    _ body: nonisolated(nonsending) (ProcessPoolExecutor) async throws -> Output
) async throws -> Output {
    try await withProcessPool(maxWorkers: workers, minWorkers: workers, options: options) { pool in
        // All at once, so that no worker is left out.
        let futures = (0..<1_000 * workers).map { pool.submit(square, $0) }
        for future in futures { _ = try await future.value }
        return try await body(pool)
    }
}

/// Submits everything before the first value is awaited.
nonisolated(nonsending) func submitAll(_ pool: ProcessPoolExecutor, tasks: Int) async throws {
    var futures: [Future<Int>] = []
    futures.reserveCapacity(tasks)
    for n in 0..<tasks { futures.append(pool.submit(square, n)) }
    var sum = 0
    for future in futures { sum &+= try await future.value }
    precondition(sum == sumOfSquares(tasks), "a task's value is not its argument's square")
}
