import Synchronization

/// Where a task runs: what a worker process of a ``ProcessPoolExecutor`` tells the functions that it runs.
///
/// ```swift
/// func render(_ frame: Int) throws -> Image {
///     let device = devices[WorkerContext.current?.workerIndex ?? 0]
///     …
/// }
/// ```
public struct WorkerContext: Sendable, Hashable {
    /// Which of the pool's workers this is, from 0 to one less than the most workers that the pool was ever allowed: a pool that was resized
    /// keeps the indices of those that stay. No two that live at the same time have the same; one that is started in the place of another takes its
    /// index over.
    public let workerIndex: Int
    /// Which attempt at the task this is, counted from 1; see ``RetryPolicy``.
    public let attempt: Int
    /// When the task will be stopped, if it has a `timeout` or a `deadline`: at the earlier of both.
    public let deadline: ContinuousClock.Instant?

    /// Tells of the task that runs in this process; `nil` outside of a worker process.
    ///
    /// A worker runs one task at a time. What a task leaves running when it ends is told of the next one.
    public static var current: WorkerContext? {
        let index = indexOfWorker.load(ordering: .relaxed)
        guard index >= 0 else { return nil }
        let deadline = deadlineOfTask.load(ordering: .relaxed)
        return WorkerContext(
            workerIndex: index,
            attempt: attemptAtTask.load(ordering: .relaxed),
            deadline: deadline == 0 ? nil : instant(deadline)
        )
    }

    /// The instant's clock counts also while the machine sleeps, which the deadline's does not; so it is told from now.
    private static func instant(_ deadline: UInt64) -> ContinuousClock.Instant {
        let now = monotonicNanoseconds()
        let left = deadline > now ? Int64(clamping: deadline - now) : -Int64(clamping: now - deadline)
        return .now + .nanoseconds(left)
    }

    /// This process becomes a worker.
    static func enterWorker(_ id: WorkerID) {
        indexOfWorker.store(Int(UInt32(truncatingIfNeeded: id)), ordering: .relaxed)
    }

    /// A task begins.
    ///
    /// - Parameters:
    ///   - attempt: counted from 1.
    ///   - deadline: when it will be stopped, on the clock of ``monotonicNanoseconds()``; 0 for never.
    static func enterTask(attempt: Int, deadline: UInt64) {
        attemptAtTask.store(attempt, ordering: .relaxed)
        deadlineOfTask.store(deadline, ordering: .relaxed)
    }
}

// Of the whole process, which runs one task at a time.

/// Negative where this is no worker.
private let indexOfWorker = Atomic<Int>(-1)
private let attemptAtTask = Atomic<Int>(1)
/// 0 if the task has none.
private let deadlineOfTask = Atomic<UInt64>(0)
