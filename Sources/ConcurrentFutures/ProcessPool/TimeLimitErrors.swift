extension PoolError {
    /// A task that was stopped because an attempt at it took too long.
    ///
    /// - Parameter end: how its worker ended, if it had to.
    init(ranTooLong task: PoolTask, endOf end: PoolError? = nil) {
        let limit = task.limits?.timeout ?? .zero
        self.init(
            .timedOut,
            """
            \(task.options.place): \(task.function.displayName) ran longer than its timeout of \(limit), and \(Self.stop(by: end))
            """
        )
        pid = end?.pid
        signal = end?.signal
        exitCode = end?.exitCode
        standardError = end?.standardError
    }

    private static func stop(by end: PoolError?) -> String {
        guard let end else { return "was stopped" }
        let process = "its worker process" + (end.pid.map { " \($0)" } ?? "")
        return end.signal.map { "\(process) was ended by \(signalName($0))" } ?? "\(process) ended"
    }

    /// A task whose deadline has passed.
    ///
    /// - Parameter isRunning: whether it had been begun.
    init(deadlineOf task: PoolTask, isRunning: Bool) {
        let limit = task.limits?.deadline ?? .zero
        let when =
            if isRunning {
                "while it ran, and it was stopped"
            } else if task.attempts?.failures.isEmpty == false {
                "before another attempt was made"
            } else {
                "before it was begun"
            }
        self.init(
            .timedOut,
            "\(task.options.place): the deadline of \(task.function.displayName), \(limit) after the call, passed \(when)"
        )
        previousFailures = task.attempts?.failures ?? []
        missedDeadline = task.limits?.deadlineInstant
    }
}
