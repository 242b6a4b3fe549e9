// The forms of `map` and `mapUnordered` for functions that stay in this process; see `ThreadPoolExecutor+Submit.swift`.

extension ThreadPoolExecutor {
    /// Calls a function for each item of a sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofInput, chunkSize, bufferSize, { SequenceFeed(input, $0) }) { items in
            .sync { BatchOutcome(of: items, function) }
        }
    }

    /// Calls an `async` function for each item of a sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofInput, chunkSize, bufferSize, { SequenceFeed(input, $0) }) { items in
            .async { await BatchOutcome(of: items, function) }
        }
    }

    /// Calls a function for each item of an asynchronous sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofInput, chunkSize, bufferSize, { AsyncSequenceFeed(input, $0) }) { items in
            .sync { BatchOutcome(of: items, function) }
        }
    }

    /// Calls an `async` function for each item of an asynchronous sequence, and gives the results in the order of the items.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func map<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofInput, chunkSize, bufferSize, { AsyncSequenceFeed(input, $0) }) { items in
            .async { await BatchOutcome(of: items, function) }
        }
    }

    /// Calls a function for each item of a sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofCompletion, chunkSize, bufferSize, { SequenceFeed(input, $0) }) { items in
            .sync { BatchOutcome(of: items, function) }
        }
    }

    /// Calls an `async` function for each item of a sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: Sequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofCompletion, chunkSize, bufferSize, { SequenceFeed(input, $0) }) { items in
            .async { await BatchOutcome(of: items, function) }
        }
    }

    /// Calls a function for each item of an asynchronous sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofCompletion, chunkSize, bufferSize, { AsyncSequenceFeed(input, $0) }) { items in
            .sync { BatchOutcome(of: items, function) }
        }
    }

    /// Calls an `async` function for each item of an asynchronous sequence, and gives the results in the order in which they end.
    ///
    /// Nothing happens before the first result is asked for; see ``MapResults``.
    ///
    /// - Parameters:
    ///   - input: the items.
    ///   - chunkSize: how many items travel together; by default as many as take about half a millisecond, by measurement.
    ///   - bufferSize: how many items at most may have been read from the input beyond the results that were returned; by default
    ///     enough to keep all workers busy.
    ///   - function: what to call; it may capture values.
    /// - Returns: the results, to iterate over or to collect.
    public func mapUnordered<Input: AsyncSequence, Output: Sendable>(
        _ input: Input,
        chunkSize: Int? = nil,
        bufferSize: Int? = nil,
        _ function: @escaping @Sendable (Input.Element) async throws -> Output
    ) -> MapResults<Output> where Input.Element: Sendable {
        mapResults(.ofCompletion, chunkSize, bufferSize, { AsyncSequenceFeed(input, $0) }) { items in
            .async { await BatchOutcome(of: items, function) }
        }
    }
}

extension ThreadPoolExecutor {
    private func mapResults<Item: Sendable, Output: Sendable>(
        _ order: MapPlan<Output>.Order,
        _ chunkSize: Int?,
        _ bufferSize: Int?,
        _ makeFeed: @escaping (ChunkSender<Item, Output>) -> any MapFeed<Output>,
        batch: @escaping ([Item]) -> PooledFunction<BatchOutcome<Output>>
    ) -> MapResults<Output> {
        let options = MapOptions(chunkSize: chunkSize, bufferSize: bufferSize)
        return MapResults(
            plan: MapPlan(order: order, executor: self, options: options) { [core] _ in
                makeFeed(ChunkSender { items in core.submit(batch(items)) })
            }
        )
    }
}
