/// The number by which an executor knows a task.
package typealias TaskID = UInt64

/// What a pending future asks of the executor that it belongs to.
///
/// A future calls it without holding its own lock, so an implementation may take locks and may complete the future.
protocol TaskControl: AnyObject, Sendable {
    /// Where completion callbacks run; without it, on the thread that completes the future.
    var callbackScheduler: (any CallbackScheduler)? { get }

    /// Cancels a task, and answers what ``Future/cancel()`` returns.
    ///
    /// If the task had not started, the control completes its future as cancelled before it returns `true`.
    func cancel(_ task: TaskID) -> Bool

    /// Whether the task's function is being executed now.
    func isRunning(_ task: TaskID) -> Bool

    /// Has the calling thread, which would only wait, do some of the executor's work or look for a moment, until something is done.
    ///
    /// - Returns: whether it is done; `false` soon if there is nothing to do or it is not worth while.
    func work(until isDone: () -> Bool) -> Bool

    /// Somebody waited for a task that has ended, or is called back for it.
    func noteWait()
}

extension TaskControl {
    var callbackScheduler: (any CallbackScheduler)? { nil }

    func work(until isDone: () -> Bool) -> Bool { false }

    func noteWait() {}
}

/// Runs completion callbacks elsewhere than on the thread that completes futures.
protocol CallbackScheduler: AnyObject, Sendable {
    /// Runs the work later: one piece at a time, in the order in which they were scheduled.
    func schedule(_ work: @escaping @Sendable () -> Void)
}
