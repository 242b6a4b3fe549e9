/// The attempts at one call of an ``InlineExecutor``'s task that has limits, and how it ended.
struct InlineAttempts {
    private let options: TaskOptions
    private let limits: TaskLimits
    private var count = 0
    private var failures: [any Error] = []
    /// An ``Outcome``, or the failure that stands in its place; `nil` while another attempt is to be made.
    private(set) var outcome: Result<Payload, any Error>?

    init(_ options: TaskOptions, _ limits: TaskLimits) {
        self.options = options
        self.limits = limits
    }

    /// Begins the next attempt; `nil` if there is an outcome, which may come of its being too late.
    mutating func next() -> Attempt? {
        guard outcome == nil else { return nil }
        guard !limits.deadlineHasPassed(at: monotonicNanoseconds()) else {
            let stage: TaskOptions.StageAtDeadline = failures.isEmpty ? .notStarted : .betweenAttempts
            outcome = .failure(failure(options.deadlinePassed(stage), after: failures))
            return nil
        }
        count += 1
        return Attempt(number: count, options: options, limits: limits)
    }

    /// Ends an attempt.
    mutating func end(_ attempt: Attempt, with payload: Payload) {
        switch attempt.verdict(previous: failures, thrown: { Self.error(in: payload) }) {
        case .stands: outcome = .success(payload)
        case .replaced(let error): outcome = .failure(error)
        case .mayRetry(let error): failures.appendFailure(error)
        }
    }

    /// When to begin the next attempt, or to end for its being too late; `nil` if there is an outcome.
    var nextInstant: UInt64? {
        guard outcome == nil else { return nil }
        let delay = limits.retry?.delay(afterAttempt: count) ?? 0
        let instant = monotonicNanoseconds() + delay
        return limits.deadlineInstant == 0 ? instant : min(instant, limits.deadlineInstant)
    }

    /// Makes do with the attempts there were.
    mutating func giveUp() {
        guard let last = failures.popLast() else { preconditionFailure("a call was given up that has not failed") }
        outcome = .failure(failure(last, after: failures))
    }

    /// Ends a call that was cancelled between two attempts.
    mutating func cancel() {
        outcome = .failure(CancellationError())
    }

    private static func error(in outcome: Payload) -> (any Error)? {
        outcome.withDecoder { decoder in
            do { return try Outcome.decodeError(from: &decoder) } catch { return error }
        }
    }
}
