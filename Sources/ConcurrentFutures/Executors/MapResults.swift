/// The results of a map, as they are asked for; what `map` and `mapUnordered` return.
///
/// ```swift
/// for try await size in pool.map(paths, fileSize) { total += size }
/// ```
///
/// Nothing happens before the first result is asked for. From then on the input is read and tasks are sent off while results
/// are asked for, and only then: inside `next`, on the caller's executor, no further ahead than the buffer allows. So the input
/// may be endless and need not be `Sendable`. An asynchronous input is awaited there too: while it lets the reader wait,
/// results that arrive meanwhile wait as well.
///
/// Each iterator is a run of its own. It ends with the input, with an error, or when the iterator is dropped, for instance because
/// the loop is left; tasks that have not started by then are cancelled. If the `Task` that iterates is cancelled, tasks that
/// run are cancelled too, and `CancellationError` is thrown.
///
/// An error ends the run, be it thrown by the function or by the input; the results of the items before it come first.
/// ``results`` goes on instead.
public struct MapResults<Output: Sendable>: AsyncSequence {
    var plan: MapPlan<Output>

    /// Gives the results of one run.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let run: MapRun<Output>

        /// The next result, or `nil` after the last.
        public nonisolated(nonsending) mutating func next() async throws -> Output? {
            try await next(isolation: #isolation)
        }

        /// The next result, or `nil` after the last.
        ///
        /// - Parameter actor: What the protocol asks for. The caller's isolation is not left, whatever this is.
        /// - Throws: what the function or the input threw, ``PoolError``, or `CancellationError` if the task was cancelled.
        @inlinable
        public nonisolated(nonsending) mutating func next(isolation actor: (any Actor)?) async throws(any Error)
            -> Output?
        {
            if run.ready.isEmpty {
                switch await run.refill(isolation: #isolation) {
                case .ready: break
                case .ended: return nil
                case .cancelled: throw CancellationError()
                }
            }
            switch run.ready.removeLast() {
            case .success(let output):
                return output
            case .failure(let error):
                run.end(cancellingRunning: false)
                throw error
            }
        }
    }

    /// Prepares a run, which starts when its first result is asked for.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(run: MapRun(plan))
    }

    /// The outcome of each item in its place, errors included: a sequence that goes on after a failure.
    public var results: MapOutcomes<Output> {
        MapOutcomes(plan: plan)
    }

    /// Runs the map and gives all its results at once.
    ///
    /// - Throws: the first error, in the order of the results.
    @inlinable
    @discardableResult
    public nonisolated(nonsending) func collect() async throws -> [Output] {
        var collected: [Output] = []
        for try await output in self { collected.append(output) }
        return collected
    }

    /// Has progress reported, whenever some items have ended and when all have.
    ///
    /// - Parameter report: called while a result is asked for, on the caller's executor.
    /// - Returns: the same map, with progress reported.
    public func onProgress(_ report: @escaping (MapProgress) -> Void) -> MapResults {
        var copy = self
        copy.plan.report = report
        return copy
    }
}

@available(*, unavailable)
extension MapResults: Sendable {}

/// The outcomes of a map, errors included; see ``MapResults/results``.
///
/// An error that the input throws is the last outcome. If the `Task` that iterates is cancelled, tasks that run are cancelled, and
/// the sequence ends.
public struct MapOutcomes<Output: Sendable>: AsyncSequence {
    let plan: MapPlan<Output>

    /// Gives the outcomes of one run.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let run: MapRun<Output>

        /// The next outcome, or `nil` after the last.
        public nonisolated(nonsending) mutating func next() async -> Result<Output, any Error>? {
            await next(isolation: #isolation)
        }

        /// The next outcome, or `nil` after the last.
        ///
        /// - Parameter actor: What the protocol asks for. The caller's isolation is not left, whatever this is.
        @inlinable
        public nonisolated(nonsending) mutating func next(isolation actor: (any Actor)?) async -> Result<
            Output, any Error
        >? {
            if run.ready.isEmpty {
                guard case .ready = await run.refill(isolation: #isolation) else { return nil }
            }
            return run.ready.removeLast()
        }
    }

    /// Prepares a run, which starts when its first outcome is asked for.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(run: MapRun(plan))
    }

    /// Runs the map and gives all its outcomes at once.
    public nonisolated(nonsending) func collect() async -> [Result<Output, any Error>] {
        var collected: [Result<Output, any Error>] = []
        for await outcome in self { collected.append(outcome) }
        return collected
    }
}

@available(*, unavailable)
extension MapOutcomes: Sendable {}

/// How far a map has come.
public struct MapProgress: Hashable, Sendable {
    /// How many items have ended, with a value or an error, and were received in their turn.
    public var completed: Int
    /// How many items there are, as far as the input tells; exact once the input has been read to its end.
    public var total: Int?
}
