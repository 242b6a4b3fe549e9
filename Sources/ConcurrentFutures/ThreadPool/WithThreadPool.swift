/// Runs a body with a pool of threads, which is gone when this returns.
///
/// ```swift
/// let sizes = try await withThreadPool(maxWorkers: 8) { pool in
///     try await pool.map(paths) { try fileSize(of: $0) }.collect()
/// }
/// ```
///
/// If the body returns, all tasks that it submitted are run to their end. If it throws, or the surrounding `Task` is cancelled,
/// the tasks that have not started are cancelled, those that run are asked to stop, and this waits until they have.
///
/// - Parameters:
///   - maxWorkers: how many tasks are at work at once; by default four more than the process may use CPUs, at most 32.
///   - maxPending: how many tasks that have not ended the pool has at most; by default any number. `submit` beyond it fails with
///     ``PoolError/Code/queueFull``; `run` and `map` wait.
///   - idleTimeout: how long a thread without work waits for some before it ends.
///   - name: what the threads are called, followed by their number; tools show no more than 15 bytes.
///   - initializer: runs once in each thread, before its first task.
///   - body: runs in the caller's isolation.
/// - Returns: what the body returns.
/// - Throws: what the body throws; ``PoolError`` with the code `invalidConfiguration` if an option makes no sense.
public nonisolated(nonsending) func withThreadPool<Output>(
    maxWorkers: Int? = nil,
    maxPending: Int? = nil,
    idleTimeout: Duration = .seconds(10),
    name: String = "thread-pool",
    initializer: (@Sendable () throws -> Void)? = nil,
    _ body: nonisolated(nonsending) (ThreadPoolExecutor) async throws -> Output
) async throws -> Output {
    let pool = try ThreadPoolExecutor(
        maxWorkers: maxWorkers,
        maxPending: maxPending,
        idleTimeout: idleTimeout,
        name: name,
        initializer: initializer
    )
    return try await withScope(of: pool, body)
}

extension ThreadPoolExecutor: ScopedExecutor {
    func cancelAll() {
        core.close(cancelPending: true)
        core.requestCancellationOfRunning()
    }
}
