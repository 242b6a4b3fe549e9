// The forms of `submit` and `run`. Each comes four times, for the four shapes that a function can have: `async` or not, returning a
// value or nothing. What differs is the type of the function alone; the compiler chooses without a hint.

extension PoolExecutor {
    /// Submits a call of a function and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    @inlinable
    public func submit<each Argument: Codable & Sendable, Output: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Output> {
        let call = SingleCall(function: SyncFunction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return enqueue(TaskCall(call), options: options)
    }

    /// Submits a call of an `async` function and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    @inlinable
    public func submit<each Argument: Codable & Sendable, Output: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Output> {
        let call = SingleCall(function: AsyncFunction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return enqueue(TaskCall(call), options: options)
    }

    /// Submits a call of a function that returns nothing and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    @_disfavoredOverload
    @inlinable
    public func submit<each Argument: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Void,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Void> {
        let call = SingleCall(function: SyncAction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return enqueue(TaskCall(call), options: options)
    }

    /// Submits a call of an `async` function that returns nothing and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the future of the call. Dropping it cancels nothing.
    @discardableResult
    @_disfavoredOverload
    @inlinable
    public func submit<each Argument: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Void,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> Future<Void> {
        let call = SingleCall(function: AsyncAction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return enqueue(TaskCall(call), options: options)
    }

    /// Runs a function and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is stopped, and this returns when
    /// it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: what the function returns.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    public nonisolated(nonsending) func run<each Argument: Codable & Sendable, Output: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Output {
        let call = SingleCall(function: SyncFunction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return try await enqueueWhenRoom(TaskCall(call), options: options).outcomeCancellingTask()
    }

    /// Runs an `async` function and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is stopped, and this returns when
    /// it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: what the function returns.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    public nonisolated(nonsending) func run<each Argument: Codable & Sendable, Output: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Output,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Output {
        let call = SingleCall(function: AsyncFunction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        return try await enqueueWhenRoom(TaskCall(call), options: options).outcomeCancellingTask()
    }

    /// Runs a function that returns nothing and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is stopped, and this returns when
    /// it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    @_disfavoredOverload
    public nonisolated(nonsending) func run<each Argument: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) throws -> Void,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) async throws {
        let call = SingleCall(function: SyncAction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        try await enqueueWhenRoom(TaskCall(call), options: options).outcomeCancellingTask()
    }

    /// Runs an `async` function that returns nothing and returns when it has ended.
    ///
    /// Cancelling the surrounding `Task` cancels the call: it never starts if it has not; if it runs, it is stopped, and this returns when
    /// it has ended.
    ///
    /// - Parameters:
    ///   - function: what to run. It must not capture a value; pass values as arguments.
    ///   - arguments: what to call it with.
    ///   - timeout: how long each attempt may run, from its start; then it is stopped, and fails with ``PoolError/Code/timedOut``.
    ///   - deadline: when the call must have ended, from now on, whether it waits or runs; else it fails in the same way.
    ///   - retry: when it is run again after a failure; by default never.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Throws: what the function throws, `CancellationError` if the call was cancelled, and ``PoolError`` for everything else.
    @_disfavoredOverload
    public nonisolated(nonsending) func run<each Argument: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each Argument) async throws -> Void,
        _ arguments: repeat each Argument,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) async throws {
        let call = SingleCall(function: AsyncAction(function: function), arguments: (repeat each arguments))
        let options = TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
        try await enqueueWhenRoom(TaskCall(call), options: options).outcomeCancellingTask()
    }
}
