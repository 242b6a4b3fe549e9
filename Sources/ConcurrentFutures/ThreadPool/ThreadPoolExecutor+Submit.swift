// The forms of `submit` and `run` for functions that stay in this process: they may capture values, and what they take and return
// is `Sendable` and no more. They are preferred to those of `PoolExecutor` wherever the pool is known to be one of threads.

extension ThreadPoolExecutor {
    /// Submits a call of a function and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    ///
    /// - Parameters:
    ///   - function: what to run; it may capture values.
    ///   - arguments: what to call it with.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    public func submit<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Output,
        _ arguments: repeat each Argument
    ) -> Future<Output> {
        let arguments = (repeat each arguments)
        return core.submit(.sync { try function(repeat each arguments) })
    }

    /// Submits a call of an `async` function and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    ///
    /// - Parameters:
    ///   - function: what to run; it may capture values.
    ///   - arguments: what to call it with.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    public func submit<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Output,
        _ arguments: repeat each Argument
    ) -> Future<Output> {
        let arguments = (repeat each arguments)
        return core.submit(.async { try await function(repeat each arguments) })
    }

    /// Runs a function and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is asked to stop, and this
    /// returns when it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run; it may capture values.
    ///   - arguments: what to call it with.
    /// - Returns: what the function returns.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    public nonisolated(nonsending) func run<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Output,
        _ arguments: repeat each Argument
    ) async throws -> Output {
        try await submit(function, repeat each arguments).outcomeCancellingTask()
    }

    /// Runs an `async` function and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is asked to stop, and this
    /// returns when it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run; it may capture values.
    ///   - arguments: what to call it with.
    /// - Returns: what the function returns.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    public nonisolated(nonsending) func run<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Output,
        _ arguments: repeat each Argument
    ) async throws -> Output {
        try await submit(function, repeat each arguments).outcomeCancellingTask()
    }
}
