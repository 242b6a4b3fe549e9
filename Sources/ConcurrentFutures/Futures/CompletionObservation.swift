/// A future, to those who wait for several and do not care what they return.
protocol ObservableFuture: AnyObject, Sendable {
    var isDone: Bool { get }

    /// Has the queue told when the future is done.
    ///
    /// - Returns: `false` if it is done, and the queue will hear nothing.
    func report(to queue: CompletionQueue, position: UInt32) -> Bool

    /// Takes back what ``report(to:position:)`` asked for.
    func stopReporting(to queue: CompletionQueue)
}

extension ObservableFuture {
    /// Itself, to one who has put it in as a future of this type: it is not checked in release builds.
    func assumed<Value>() -> Future<Value> {
        unsafeDowncast(self, to: Future<Value>.self)
    }
}

extension Future: ObservableFuture {
    func report(to queue: CompletionQueue, position: UInt32) -> Bool {
        machine.withLock { $0.enqueue(queue, position: position) }
    }

    func stopReporting(to queue: CompletionQueue) {
        _ = machine.withLock { $0.removeQueue(queue) }
    }
}

/// One wait for several futures: what `asCompleted` and `wait` have in common.
///
/// When it goes, its futures know nothing of it any more.
final class CompletionObservation {
    enum Event {
        case finished(any ObservableFuture)
        /// All have been given out.
        case exhausted
        case timedOut
        case cancelled
    }

    private let queue = CompletionQueue()
    private let timer: Task<Void, Never>?
    /// By position; `nil` once given out, so that it lives no longer than its user wants.
    private var futures: [(any ObservableFuture)?]
    private var finished: [UInt32] = []
    private var nextFinished = 0
    /// How many have not been given out.
    private(set) var remaining: Int

    /// - Parameters:
    ///   - futures: Each once.
    ///   - deadline: When the waiting ends.
    init(_ futures: [any ObservableFuture], deadline: SuspendingClock.Instant?) {
        // Spelled out, because the implicit conversion casts each element dynamically.
        self.futures = futures.map { .some($0) }
        remaining = futures.count
        // Not reported to the queue: one that ends meanwhile must not come before those that had ended.
        for (position, future) in futures.enumerated() where !future.report(to: queue, position: UInt32(position)) {
            finished.append(UInt32(position))
        }
        guard let deadline, finished.count < futures.count else {
            timer = nil
            return
        }
        if deadline <= .now {
            queue.close()
            timer = nil
        } else {
            timer = Task { [queue] in
                guard (try? await Task.sleep(until: deadline, clock: .suspending)) != nil else { return }
                queue.close()
            }
        }
    }

    deinit {
        timer?.cancel()
        for case let future? in futures { future.stopReporting(to: queue) }
    }

    /// The next one that is done, waiting for it if need be.
    nonisolated(nonsending) func next() async -> Event {
        if Task.isCancelled { return .cancelled }
        if nextFinished == finished.count {
            guard remaining > 0 else { return .exhausted }
            switch await queue.take(atLeast: 1) {
            case .positions(let positions): (finished, nextFinished) = (positions, 0)
            case .closed: return .timedOut
            case .cancelled: return .cancelled
            }
        }
        let position = Int(finished[nextFinished])
        nextFinished += 1
        remaining -= 1
        guard let future = futures[position].take() else { preconditionFailure("a future was reported twice") }
        return .finished(future)
    }

    /// Waits until all are done, the time has passed or the task is cancelled.
    nonisolated(nonsending) func waitForAll() async {
        let reports = remaining - (finished.count - nextFinished)
        if reports > 0 { _ = await queue.take(atLeast: reports) }
    }
}

extension Sequence {
    /// The futures, each once, in the order in which they first stand.
    func uniqued<Value>() -> [any ObservableFuture] where Element == Future<Value> {
        var seen: Set<ObjectIdentifier> = []
        seen.reserveCapacity(underestimatedCount)
        var futures: [any ObservableFuture] = []
        futures.reserveCapacity(underestimatedCount)
        for future in self where seen.insert(ObjectIdentifier(future)).inserted { futures.append(future) }
        return futures
    }
}
