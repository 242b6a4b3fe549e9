/// Makes a process pool, runs a body with it, and returns when the pool's work has ended and its workers are gone.
///
/// If the body returns, what was submitted is done first. If it throws, or the surrounding task is cancelled, all that has not ended is
/// cancelled, and what runs is stopped, as by ``ProcessPoolExecutor/terminate(gracePeriod:)``.
///
/// - Parameters:
///   - maxWorkers: how many worker processes there are at most; `nil` for as many as there are processors they may use.
///   - minWorkers: how many are started at once and kept.
///   - startMethod: how a worker is started.
///   - name: what the names of the pool's threads begin with.
///   - initializer: what runs once in each worker, before its first task.
///   - preload: what runs once, before the first worker; workers share what it leaves in memory.
///   - options: limits of time and memory, surroundings of the workers, and more.
///   - body: what to do with the pool; it runs in the caller's isolation.
/// - Returns: what the body returns.
/// - Throws: what the body throws, and what ``ProcessPoolExecutor/init(maxWorkers:minWorkers:startMethod:name:initializer:preload:options:)`` throws.
public nonisolated(nonsending) func withProcessPool<Output>(
    maxWorkers: Int? = nil,
    minWorkers: Int = 0,
    startMethod: StartMethod = .forkServer,
    name: String = "cf-process",
    initializer: StartupCall? = nil,
    preload: PreloadCall? = nil,
    options: ProcessPoolOptions = ProcessPoolOptions(),
    _ body: nonisolated(nonsending) (ProcessPoolExecutor) async throws -> Output
) async throws -> Output {
    let pool = try ProcessPoolExecutor(
        maxWorkers: maxWorkers,
        minWorkers: minWorkers,
        startMethod: startMethod,
        name: name,
        initializer: initializer,
        preload: preload,
        options: options
    )
    return try await withScope(of: pool, body)
}
