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
    ///   - timeout: how long each attempt may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    public func submit<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Output> {
        let arguments = (repeat each arguments)
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return core.submit(PooledCall(.sync { try function(repeat each arguments) }), options)
    }

    /// Submits a call of an `async` function and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    ///
    /// - Parameters:
    ///   - function: what to run; it may capture values.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    public func submit<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Output> {
        let arguments = (repeat each arguments)
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return core.submit(PooledCall(.async { try await function(repeat each arguments) }), options)
    }

    /// Runs a function and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is asked to stop, and this
    /// returns when it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run; it may capture values.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: what the function returns.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    public nonisolated(nonsending) func run<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Output {
        let arguments = (repeat each arguments)
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        let call = PooledCall(.sync { try function(repeat each arguments) })
        return try await core.submitWhenRoom(call, options).outcomeCancellingTask()
    }

    /// Runs an `async` function and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is asked to stop, and this
    /// returns when it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run; it may capture values.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: what the function returns.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    public nonisolated(nonsending) func run<each Argument: Sendable, Output: Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Output {
        let arguments = (repeat each arguments)
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        let call = PooledCall(.async { try await function(repeat each arguments) })
        return try await core.submitWhenRoom(call, options).outcomeCancellingTask()
    }
}
