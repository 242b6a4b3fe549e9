/// What the caller of `submit`, `run` or `map` says of a task besides the function and its arguments.
public struct TaskOptions: Sendable {
    /// The file in which the task was submitted, as `#fileID` gives it.
    public let file: StaticString
    /// The line at which the task was submitted.
    public let line: UInt
    /// `nil` for most tasks, which have none: they pay for no more than this.
    let limits: TaskLimits?

    /// Creates options; the defaults name the place of the call.
    ///
    /// - Parameters:
    ///   - timeout: how long each attempt may run, from its start; more than zero.
    ///   - deadline: when the task must have ended, from now on, whether it waits, runs, or is to be run again. None or a negative one has passed
    ///     already.
    ///   - retry: when it is run again after a failure.
    ///   - file: the file in which the task was submitted.
    ///   - line: the line at which the task was submitted.
    public init(
        timeout: Duration? = nil,
        deadline: Duration? = nil,
        retry: RetryPolicy? = nil,
        file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.file = file
        self.line = line
        let hasLimits = timeout != nil || deadline != nil || retry != nil
        limits = hasLimits ? TaskLimits(timeout: timeout, deadline: deadline, retry: retry) : nil
    }

    /// The options with a timeout if they have none.
    func completed(with usual: TaskLimits) -> TaskOptions {
        guard let limits else { return TaskOptions(limits: usual, file: file, line: line) }
        guard limits.timeout == nil else { return self }
        return TaskOptions(limits: TaskLimits(limits, timeout: usual.timeout), file: file, line: line)
    }

    init(limits: TaskLimits?, file: StaticString, line: UInt) {
        self.limits = limits
        self.file = file
        self.line = line
    }

    /// Where the task was submitted, for messages.
    var place: String { "\(file):\(line)" }

    /// Why the task cannot be taken, if its options make no sense.
    var defect: PoolError? {
        limits?.defect.map { PoolError(.invalidConfiguration, "\(place): \($0)") }
    }
}

/// How long a task may take and how often it may be tried. One for all tasks of a `map`.
package final class TaskLimits: Sendable {
    /// How long an attempt may run, as the caller put it.
    let timeout: Duration?
    /// How long the task may take from the call, as the caller put it.
    let deadline: Duration?
    package let retry: RetryPolicy?
    /// ``timeout`` in nanoseconds; 0 if there is none.
    package let timeoutNanoseconds: UInt64
    /// When ``deadline`` passes, on the clock of ``monotonicNanoseconds()``; 0 if there is none.
    package let deadlineInstant: UInt64

    init(timeout: Duration?, deadline: Duration?, retry: RetryPolicy?) {
        self.timeout = timeout
        self.deadline = deadline
        self.retry = retry
        timeoutNanoseconds = timeout?.clampedNanoseconds ?? 0
        deadlineInstant = deadline.map { monotonicNanoseconds() + $0.clampedNanoseconds } ?? 0
    }

    /// The same with another timeout.
    init(_ other: TaskLimits, timeout: Duration?) {
        self.timeout = timeout
        timeoutNanoseconds = timeout?.clampedNanoseconds ?? 0
        deadline = other.deadline
        deadlineInstant = other.deadlineInstant
        retry = other.retry
    }

    /// Limits in a time of one's own.
    package init(timeout: UInt64, deadlineInstant: UInt64, retry: RetryPolicy?) {
        self.timeout = timeout == 0 ? nil : .nanoseconds(Int64(timeout))
        deadline = nil
        self.retry = retry
        timeoutNanoseconds = timeout
        self.deadlineInstant = deadlineInstant
    }

    var defect: String? {
        if let timeout, timeout <= .zero { return "timeout is \(timeout); it must be more than zero" }
        if let defect = retry?.defect { return "retry: \(defect)" }
        return nil
    }
}

extension Duration {
    /// In whole nanoseconds, not less than none and not more than a century, so that sums of times never overflow.
    var clampedNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 3_200_000_000 else { return 3_200_000_000_000_000_000 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000
    }
}
