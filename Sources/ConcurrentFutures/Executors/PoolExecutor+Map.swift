// The forms of `map`: over sequences and asynchronous ones, with functions that are `async` or not, and return a value or nothing.

extension PoolExecutor {
    /// Calls a function for each item of a sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: Sequence, Output: Codable & Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            MappedFunction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { SequenceFeed(input, $0) }
    }

    /// Calls an `async` function for each item of a sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: Sequence, Output: Codable & Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            AsyncMappedFunction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { SequenceFeed(input, $0) }
    }

    /// Calls a function that returns nothing for each item of a sequence.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect, which say that a call has ended.
    @_disfavoredOverload
    public func map<Input: Sequence>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Void,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Void> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            MappedAction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { SequenceFeed(input, $0) }
    }

    /// Calls an `async` function that returns nothing for each item of a sequence.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect, which say that a call has ended.
    @_disfavoredOverload
    public func map<Input: Sequence>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Void,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Void> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            AsyncMappedAction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { SequenceFeed(input, $0) }
    }

    /// Calls a function for each item of an asynchronous sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: AsyncSequence, Output: Codable & Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            MappedFunction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { AsyncSequenceFeed(input, $0) }
    }

    /// Calls an `async` function for each item of an asynchronous sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: AsyncSequence, Output: Codable & Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            AsyncMappedFunction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { AsyncSequenceFeed(input, $0) }
    }

    /// Calls a function that returns nothing for each item of an asynchronous sequence.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect, which say that a call has ended.
    @_disfavoredOverload
    public func map<Input: AsyncSequence>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Void,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Void> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            MappedAction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { AsyncSequenceFeed(input, $0) }
    }

    /// Calls an `async` function that returns nothing for each item of an asynchronous sequence.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is stopped, and fails with
    ///     ``PoolError/Code/timedOut``.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it must not capture a value.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect, which say that a call has ended.
    @_disfavoredOverload
    public func map<Input: AsyncSequence>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Void,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Void> where Input.Element: Codable & Sendable {
        mapResults(
            .ofInput,
            AsyncMappedAction(function: function),
            MapOptions(
                chunkSize: chunkSize,
                bufferSize: bufferSize,
                timeout: timeout,
                deadline: deadline,
                retry: retry,
                file: file,
                line: line
            )
        ) { AsyncSequenceFeed(input, $0) }
    }
}

extension PoolExecutor {
    /// What every form of `map` and `mapUnordered` makes.
    func mapResults<Function: TaskFunction>(
        _ order: MapPlan<Function.Output>.Order,
        _ function: Function,
        _ options: MapOptions,
        makeFeed: @escaping (ChunkSender<Function.Arguments, Function.Output>) -> any MapFeed<Function.Output>
    ) -> MapResults<Function.Output> {
        MapResults(
            plan: MapPlan(order: order, executor: self, options: options) { taskOptions in
                makeFeed(
                    ChunkSender { items, mayWait in
                        let call = TaskCall(BatchCall(function: function, items: items))
                        guard mayWait else { return self.enqueue(call, options: taskOptions) }
                        return await self.enqueueWhenRoom(call, options: taskOptions)
                    }
                )
            }
        )
    }
}
