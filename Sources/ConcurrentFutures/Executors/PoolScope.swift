/// An executor that a scope can end early: what ``withThreadPool(maxWorkers:maxPending:idleTimeout:name:initializer:_:)`` and its like need.
protocol ScopedExecutor: PoolExecutor {
    /// Stops taking tasks, cancels those that have not started and those that run, and returns at once. May be called again.
    func cancelAll()
}

/// Runs a body with a pool, and returns when the pool's work has ended and its workers are gone.
///
/// The work is drained if the body returns, and cancelled if it throws or the surrounding task is cancelled.
nonisolated(nonsending) func withScope<Pool: ScopedExecutor, Output>(
    of pool: Pool,
    _ body: nonisolated(nonsending) (Pool) async throws -> Output
) async throws -> Output {
    try await withCancellationHandler {
        let output: Output
        do {
            output = try await body(pool)
        } catch {
            pool.cancelAll()
            await pool.shutdown(cancelPending: true)
            throw error
        }
        await pool.shutdown(cancelPending: false)
        return output
    } onCancel: {
        pool.cancelAll()
    }
}
