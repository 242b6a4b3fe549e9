import DequeModule
import Synchronization

/// The one thread of a worker on which its tasks run, and what they start with `async let` or a task group.
///
/// One worker is one processor's worth of work; a task that wants more threads starts an unstructured `Task`, which runs on Swift's own pool.
final class TaskThread: TaskExecutor {
    private struct State {
        var jobs: Deque<UnownedJob> = []
        /// Set while the thread sleeps because there are none.
        var sleeper: ThreadParker?
        var isOver = false
    }

    private let state = Mutex(State())

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let sleeper = state.withLock { state in
            state.jobs.append(job)
            return state.sleeper.take()
        }
        sleeper?.unpark()
    }

    /// Runs an operation again and again, each time in a fresh Swift task, and all that it starts here, on the calling thread, until it has had enough.
    ///
    /// - Parameters:
    ///   - operation: returns whether it is to be called once more.
    ///   - onStart: is given each task before it begins.
    func run(
        _ operation: @escaping @Sendable () async -> Bool,
        onStart: @escaping @Sendable (Task<Void, Never>) -> Void
    ) {
        start(operation, onStart: onStart)
        while let job = nextJob() {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    /// Only on the thread itself, so that the task cannot begin before `onStart` has been given it.
    private func start(
        _ operation: @escaping @Sendable () async -> Bool,
        onStart: @escaping @Sendable (Task<Void, Never>) -> Void
    ) {
        onStart(
            Task(executorPreference: self) {
                if await operation() {
                    self.start(operation, onStart: onStart)
                } else {
                    self.state.withLock { $0.isOver = true }
                }
            }
        )
    }

    /// Waits for one.
    ///
    /// - Returns: `nil` when it is over.
    private func nextJob() -> UnownedJob? {
        while true {
            let (job, isOver) = state.withLock { ($0.isOver ? nil : $0.jobs.popFirst(), $0.isOver) }
            if job != nil || isOver { return job }
            let parker = ThreadParker()
            let mustSleep = state.withLock { state in
                if state.jobs.isEmpty { state.sleeper = parker }
                return state.jobs.isEmpty
            }
            if mustSleep { _ = parker.park(for: nil) }
        }
    }
}
