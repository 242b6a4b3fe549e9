import Glibc

/// When a task that failed is run again, how often, and after how long.
///
/// ```swift
/// let policy = RetryPolicy(maxAttempts: 3, backoff: .exponential(from: .milliseconds(100), upTo: .seconds(5)))
/// let page = try await pool.run(load, url, timeout: .seconds(2), retry: policy)
/// ```
///
/// Without a policy a task is run once. What fails in the end is told by the last attempt's failure. If that is a ``PoolError``, as after a crash or a
/// timeout, it keeps those of the attempts before in ``PoolError/previousFailures``. If it is an error of another type that the function has thrown, there
/// is no place in it for them, and they are not kept: who wants to know them can note them in ``retriesError``, as far as they were thrown.
///
/// The loss of a pool's fork server is nobody's failure, and counts as no attempt.
///
/// A task that is run again is begun anew, so what it changes outside of itself should bear being done twice. In a `map` each item has
/// attempts of its own.
public struct RetryPolicy: Sendable {
    /// The failures after which a task is run again whatever it does.
    public struct Failures: OptionSet, Sendable {
        /// The failures as bits.
        public let rawValue: UInt8

        /// Creates a set of failures from its bits.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The worker process ended while it ran the task, also because it exceeded a limit of memory or processor time.
        public static let crash = Failures(rawValue: 1)
        /// The task ran longer than its `timeout`. After its `deadline` there is no other attempt.
        public static let timeout = Failures(rawValue: 2)
    }

    /// How long to wait before the next attempt.
    public struct Backoff: Sendable {
        fileprivate let initial: Duration
        fileprivate let factor: Double
        fileprivate let maximum: Duration

        /// Runs the task again at once.
        public static let none = Backoff(initial: .zero, factor: 1, maximum: .zero)

        /// Waits as long after each failure.
        public static func constant(_ delay: Duration) -> Backoff {
            Backoff(initial: delay, factor: 1, maximum: delay)
        }

        /// Waits longer after each failure.
        ///
        /// - Parameters:
        ///   - initial: the wait after the first failure; not negative.
        ///   - maximum: no wait is longer; at least `initial`.
        ///   - factor: how many times as long each wait is as the one before; at least 1.
        public static func exponential(from initial: Duration, upTo maximum: Duration, factor: Double = 2) -> Backoff {
            Backoff(initial: initial, factor: factor, maximum: maximum)
        }
    }

    /// How often a task is run at most, the first time included.
    public var maxAttempts: Int
    /// How long to wait before the next attempt.
    public var backoff: Backoff
    /// The failures after which a task is run again.
    public var failures: Failures
    /// Whether a task is run again after its function has thrown this error.
    ///
    /// It is called in this process: by a process pool on a thread of its own, one task after another, by the other executors where the task ran. It
    /// should not wait for anything. A `map` with such a policy sends its items one by one, whatever its `chunkSize` is.
    public var retriesError: (@Sendable (any Error) -> Bool)?

    /// Creates a policy.
    ///
    /// - Parameters:
    ///   - maxAttempts: how often a task is run at most, the first time included; at least 1.
    ///   - backoff: how long to wait before the next attempt.
    ///   - failures: the failures after which a task is run again.
    ///   - retriesError: whether a task is run again after its function has thrown this error; without it, never.
    public init(
        maxAttempts: Int,
        backoff: Backoff = .none,
        after failures: Failures = [.crash, .timeout],
        orIf retriesError: (@Sendable (any Error) -> Bool)? = nil
    ) {
        self.maxAttempts = maxAttempts
        self.backoff = backoff
        self.failures = failures
        self.retriesError = retriesError
    }

    /// How long to wait after an attempt has failed, in nanoseconds.
    ///
    /// - Parameter attempt: the one that failed, counted from 1.
    func delay(afterAttempt attempt: Int) -> UInt64 {
        let longest = backoff.maximum.clampedNanoseconds
        let delay = Double(backoff.initial.clampedNanoseconds) * pow(backoff.factor, Double(attempt - 1))
        return delay < Double(longest) ? UInt64(delay) : longest
    }

    /// What is wrong with it, if anything is.
    var defect: String? {
        if maxAttempts < 1 { return "maxAttempts is \(maxAttempts); a task has at least 1 attempt" }
        if backoff.initial < .zero || backoff.maximum < .zero { return "backoff is negative" }
        if backoff.maximum < backoff.initial {
            return "backoff begins with \(backoff.initial), which is longer than its longest wait, \(backoff.maximum)"
        }
        if !(backoff.factor >= 1 && backoff.factor.isFinite) {
            return "backoff has the factor \(backoff.factor); it must be at least 1"
        }
        return nil
    }
}
