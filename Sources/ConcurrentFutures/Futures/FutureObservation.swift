/// One wait for several futures: what `asCompleted` and `wait` have in common.
///
/// When it goes, its futures know nothing of it any more.
final class FutureObservation<Value: Sendable> {
    enum Event {
        case finished(Future<Value>)
        /// All have been given out.
        case exhausted
        case timedOut
        case cancelled
    }

    private let queue = CompletionQueue()
    private let timer: Task<Void, Never>?
    /// By position; `nil` once given out, so that it lives no longer than its user wants.
    private var futures: [Future<Value>?]
    private var finished: [Int] = []
    private var nextFinished = 0
    /// How many have not been given out.
    private(set) var remaining: Int

    /// - Parameters:
    ///   - futures: Each once.
    ///   - deadline: When the waiting ends.
    init(_ futures: [Future<Value>], deadline: SuspendingClock.Instant?) {
        self.futures = futures
        remaining = futures.count
        // Not reported to the queue: one that ends meanwhile must not come before those that had ended.
        for (position, future) in futures.enumerated() where !future.report(to: queue, position: position) {
            finished.append(position)
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
        let position = finished[nextFinished]
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
    func uniqued<Value>() -> [Future<Value>] where Element == Future<Value> {
        var seen: Set<ObjectIdentifier> = []
        seen.reserveCapacity(underestimatedCount)
        return filter { seen.insert(ObjectIdentifier($0)).inserted }
    }
}
