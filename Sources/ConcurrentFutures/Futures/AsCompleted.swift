/// Gives futures in the order in which they end.
///
/// ```swift
/// let urlOf = Dictionary(uniqueKeysWithValues: urls.map { (pool.submit(load, $0), $0) })
/// for await future in asCompleted(urlOf.keys) {
///     print(urlOf[future]!, await future.result)
/// }
/// ```
///
/// Each future is given once, even if it stands in the sequence several times, and those that have ended already come
/// first. Leaving the loop early cancels nothing. If the task that runs the loop is cancelled, the loop ends, even if
/// there are more that have ended.
///
/// - Parameter futures: Any sequence of futures, of one executor or of several. It is read at once.
/// - Returns: A sequence that throws nothing: what a task threw is found in its future.
public func asCompleted<S: Sequence, Value>(_ futures: S) -> AsCompleted<Value> where S.Element == Future<Value> {
    AsCompleted(futures: futures.uniqued())
}

/// Gives futures in the order in which they end, until a time has passed.
///
/// It is as ``asCompleted(_:)``, but after the time it gives those that have ended, and then throws a ``PoolError`` with the
/// code ``PoolError/Code/timedOut`` and a message such as "2 (of 4) futures unfinished". If the task that runs the loop
/// is cancelled, it throws `CancellationError`. Neither cancels a future.
///
/// - Parameters:
///   - futures: Any sequence of futures, of one executor or of several. It is read at once.
///   - timeout: How long to wait in all, counted from this call. `.zero` gives those that have ended already.
/// - Returns: A sequence that throws if it ends before all futures have ended.
public func asCompleted<S: Sequence, Value>(
    _ futures: S,
    timeout: Duration
) -> AsCompletedWithin<Value> where S.Element == Future<Value> {
    AsCompletedWithin(futures: futures.uniqued(), deadline: .now + max(.zero, timeout))
}

/// Futures in the order in which they end; what ``asCompleted(_:)`` returns.
///
/// Each iteration is one of its own. An iterator does not keep a future that it has given alive.
public struct AsCompleted<Value: Sendable>: AsyncSequence, Sendable {
    let futures: [any ObservableFuture]

    /// Waits for the futures, and gives them as they end.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var observation: CompletionObservation?

        init(_ observation: CompletionObservation) {
            self.observation = observation
        }

        /// The next future that has ended, or `nil` after the last and when the task is cancelled.
        public nonisolated(nonsending) mutating func next() async -> Future<Value>? {
            await next(isolation: #isolation)
        }

        /// The next future that has ended, or `nil` after the last and when the task is cancelled.
        ///
        /// - Parameter actor: What the protocol asks for. The caller's isolation is not left, whatever this is.
        public nonisolated(nonsending) mutating func next(isolation actor: (any Actor)?) async -> Future<Value>? {
            guard case .finished(let future) = await observation?.next() else {
                observation = nil
                return nil
            }
            return future.assumed()
        }
    }

    /// Starts to watch the futures.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(CompletionObservation(futures, deadline: nil))
    }
}

/// Futures in the order in which they end, until a time has passed; what ``asCompleted(_:timeout:)`` returns.
///
/// An iterator does not keep a future that it has given alive.
public struct AsCompletedWithin<Value: Sendable>: AsyncSequence, Sendable {
    let futures: [any ObservableFuture]
    let deadline: SuspendingClock.Instant

    /// Waits for the futures, and gives them as they end.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var observation: CompletionObservation?
        private let total: Int

        init(_ observation: CompletionObservation, total: Int) {
            self.observation = observation
            self.total = total
        }

        /// The next future that has ended, or `nil` after the last.
        ///
        /// - Throws: ``PoolError`` when the time has passed, `CancellationError` when the task is cancelled.
        public nonisolated(nonsending) mutating func next() async throws -> Future<Value>? {
            try await next(isolation: #isolation)
        }

        /// The next future that has ended, or `nil` after the last.
        ///
        /// - Parameter actor: What the protocol asks for. The caller's isolation is not left, whatever this is.
        /// - Throws: ``PoolError`` when the time has passed, `CancellationError` when the task is cancelled.
        public nonisolated(nonsending) mutating func next(
            isolation actor: (any Actor)?
        ) async throws(any Error) -> Future<Value>? {
            guard let observation else { return nil }
            let event = await observation.next()
            if case .finished(let future) = event { return future.assumed() }
            let unfinished = observation.remaining
            self.observation = nil
            switch event {
            case .finished, .exhausted: return nil
            case .timedOut: throw PoolError(.timedOut, "\(unfinished) (of \(total)) futures unfinished")
            case .cancelled: throw CancellationError()
            }
        }
    }

    /// Starts to watch the futures.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(CompletionObservation(futures, deadline: deadline), total: futures.count)
    }
}
