/// What a wait for several futures waits for.
public enum WaitCondition: Hashable, Sendable {
    /// Until one has ended.
    case firstCompleted
    /// Until one has failed, or all have ended. A cancelled one has not failed.
    case firstFailed
    /// Until all have ended.
    case allCompleted
}

/// How several futures stood when a wait for them ended.
public struct WaitResult<Value: Sendable>: Sendable {
    /// Those that had ended, with a value, with an error or cancelled.
    public let done: Set<Future<Value>>
    /// Those that had not.
    public let notDone: Set<Future<Value>>
}

extension Sequence {
    /// Waits until these futures have ended, or the first of them has.
    ///
    /// ```swift
    /// let result = await futures.wait(until: .firstCompleted, timeout: .seconds(2))
    /// print(result.done.count, "of", result.done.count + result.notDone.count)
    /// ```
    ///
    /// The same future twice counts once, and futures of different executors may be mixed. It stays on the caller's
    /// executor. If the waiting task is cancelled, the wait ends, as it does when the time has passed; the work goes on.
    ///
    /// - Parameters:
    ///   - condition: What to wait for. Over no futures at all, each is met.
    ///   - timeout: How long to wait at most; `nil` is for ever, and `.zero` only looks.
    /// - Returns: Which of them had ended, and which had not.
    @discardableResult
    public nonisolated(nonsending) func wait<Value>(
        until condition: WaitCondition = .allCompleted,
        timeout: Duration? = nil
    ) async -> WaitResult<Value> where Element == Future<Value> {
        let futures = uniqued()
        let observation = CompletionObservation(futures, deadline: timeout.map { .now + Swift.max(.zero, $0) })
        switch condition {
        case .allCompleted:
            await observation.waitForAll()
        case .firstCompleted:
            _ = await observation.next()
        case .firstFailed:
            while case .finished(let future) = await observation.next() {
                let future: Future<Value> = future.assumed()
                // Whether it failed may stand in bytes only: this is the one place that decodes to know.
                if !future.isCancelled, case .failure = await future.result { break }
            }
        }
        // Each is asked once, so that it is in one set.
        let isDone = futures.map(\.isDone)
        return WaitResult(
            done: futures.selected(by: isDone, being: true),
            notDone: futures.selected(by: isDone, being: false)
        )
    }
}

extension [any ObservableFuture] {
    fileprivate func selected<Value>(by answers: [Bool], being answer: Bool) -> Set<Future<Value>> {
        var selected = Set<Future<Value>>(minimumCapacity: answers.count(where: { $0 == answer }))
        for index in indices where answers[index] == answer {
            selected.insert(self[index].assumed())
        }
        return selected
    }
}
