// The forms of `map` and `mapUnordered` for functions that stay in this process; see `ThreadPoolExecutor+Submit.swift`.

extension ThreadPoolExecutor {
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
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofInput,
            .sync(function),
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
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofInput,
            .async(function),
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
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofInput,
            .sync(function),
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
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofInput,
            .async(function),
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

    /// Calls a function for each item of a sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofCompletion,
            .sync(function),
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

    /// Calls an `async` function for each item of a sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofCompletion,
            .async(function),
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

    /// Calls a function for each item of an asynchronous sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofCompletion,
            .sync(function),
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

    /// Calls an `async` function for each item of an asynchronous sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement. With a `retry` that asks
    ///     about errors it is 1.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - timeout: how long the call for one item may run, from its start; then it is asked to stop, and fails with
    ///     ``PoolError/Code/timedOut`` when it has.
    ///   - deadline: how long all may take, from when the first result is asked for; what has not ended by then is cancelled, and
    ///     the last error is ``PoolError/Code/timedOut``.
    ///   - retry: when the call for an item is made again after a failure; by default never.
    ///   - function: what to call; it may capture values.
    ///   - file: the file that is named in errors about this call.
    ///   - line: the line that is named in errors about this call.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output,
        file: StaticString = #fileID,
        line: UInt = #line
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(
            .ofCompletion,
            .async(function),
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

extension ThreadPoolExecutor {
    private func mapResults<Item: Sendable, Output: Sendable>(
        _ order: MapPlan<Output>.Order,
        _ function: PooledFunction<Item, Output>,
        _ options: MapOptions,
        makeFeed: @escaping (ChunkSender<Item, Output>) -> any MapFeed<Output>
    ) -> MapResults<Output> {
        MapResults(
            plan: MapPlan(order: order, executor: self, options: options) { [core] taskOptions in
                makeFeed(
                    ChunkSender { items, mayWait in
                        let batch = PooledBatch(function: function, items: items)
                        guard mayWait else { return core.submit(batch, taskOptions) }
                        return await core.submitWhenRoom(batch, taskOptions)
                    }
                )
            }
        )
    }
}
