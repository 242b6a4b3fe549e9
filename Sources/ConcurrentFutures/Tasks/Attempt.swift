/// One attempt at a call of a task that has limits, and what becomes of it.
///
/// It decides by the clock when the call has ended, and not by who noticed what first: so an outcome is late or it is not, however busy the
/// one is who should have asked it to stop.
struct Attempt {
    enum Verdict {
        /// What the function returned or threw is the outcome.
        case stands
        /// This is the outcome instead.
        case replaced(by: any Error)
        /// There may be another attempt; if there is none, this is the outcome, ``failure(_:after:)`` those before.
        case mayRetry(after: any Error)
    }

    /// Counted from 1.
    let number: Int
    let options: TaskOptions
    let limits: TaskLimits
    /// When the call is asked to stop because of its timeout; `nil` if it has none.
    let stopInstant: UInt64?

    /// Begins an attempt: its time runs from now on.
    init(number: Int, options: TaskOptions, limits: TaskLimits) {
        self.number = number
        self.options = options
        self.limits = limits
        let timeout = limits.timeoutNanoseconds
        stopInstant = timeout > 0 ? monotonicNanoseconds() + timeout : nil
    }

    /// When the call is asked to stop, for whatever reason; `nil` if for none.
    var endInstant: UInt64? {
        guard limits.deadlineInstant != 0 else { return stopInstant }
        return min(stopInstant ?? .max, limits.deadlineInstant)
    }

    /// Says what becomes of a call that has just ended.
    ///
    /// It may run user code: that of the retry policy.
    ///
    /// - Parameters:
    ///   - previous: what the attempts before have failed with.
    ///   - thrown: what the function has thrown, if it did; not asked for if it does not matter.
    func verdict(previous: [any Error], thrown: () -> (any Error)?) -> Verdict {
        let now = monotonicNanoseconds()
        if limits.deadlineHasPassed(at: now) {
            return .replaced(by: failure(options.deadlinePassed(.running), after: previous))
        }
        let policy = limits.retry.flatMap { number < $0.maxAttempts ? $0 : nil }
        if let stopInstant, now >= stopInstant {
            let timeout = options.timeoutPassed
            guard let policy, policy.failures.contains(.timeout) else {
                return .replaced(by: failure(timeout, after: previous))
            }
            return .mayRetry(after: timeout)
        }
        let retriesError = policy?.retriesError
        guard retriesError != nil || !previous.isEmpty, let error = thrown() else { return .stands }
        // Who gives up has not failed.
        if let retriesError, !(error is CancellationError), retriesError(error) { return .mayRetry(after: error) }
        return .replaced(by: failure(error, after: previous))
    }
}

extension [any Error] {
    /// Appends why an attempt has failed. A policy may allow any number of attempts: of more than 64, those in the middle are forgotten.
    mutating func appendFailure(_ error: any Error) {
        if count == 64 { remove(at: 32) }
        append(error)
    }
}

/// The last failure of a call, with those of the attempts before, if it can keep them.
func failure(_ error: any Error, after previous: [any Error]) -> any Error {
    guard !previous.isEmpty, var error = error as? PoolError else { return error }
    error.previousFailures = previous
    return error
}

extension TaskLimits {
    func deadlineHasPassed(at now: UInt64) -> Bool {
        deadlineInstant != 0 && now >= deadlineInstant
    }
}

/// The ends of tasks in this process, where nothing can be stopped.
extension TaskOptions {
    /// What a task did when its deadline passed.
    enum StageAtDeadline {
        case notStarted, running, betweenAttempts
    }

    private static let remedy =
        "In this process nothing stops a task that does not look at Task.isCancelled; a ProcessPoolExecutor does"

    var timeoutPassed: PoolError {
        let timeout = limits?.timeout ?? .zero
        return PoolError(
            .timedOut,
            "\(place): the task ran longer than its timeout, \(timeout), and its outcome is dropped. \(Self.remedy)"
        )
    }

    func deadlinePassed(_ stage: StageAtDeadline) -> PoolError {
        let what =
            switch stage {
            case .notStarted: "has not started by its deadline, and is not run"
            case .running: "has not ended by its deadline, and its outcome is dropped"
            case .betweenAttempts: "waited for its next attempt at its deadline, and is not run again"
            }
        let remedy = if case .running = stage { ". \(Self.remedy)" } else { "" }
        var error = PoolError(
            .timedOut,
            "\(place): the task \(what); the deadline was \(limits?.deadline ?? .zero) after the call\(remedy)"
        )
        error.missedDeadline = limits?.deadlineInstant
        return error
    }
}
