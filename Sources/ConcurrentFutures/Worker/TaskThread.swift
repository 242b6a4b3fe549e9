import DequeModule
import Synchronization

/// The one thread of a worker on which its tasks run, and what they start with `async let` or a task group.
///
/// One worker is one processor's worth of work; a task that wants more threads starts an unstructured `Task`, which runs on Swift's own pool.
final class TaskThread: TaskExecutor {
    private let jobs = Mutex<Deque<UnownedJob>>([])
    private let parker = ThreadParker()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        parker.unpark()
    }

    /// Runs an operation and all that it starts here, on the calling thread, for ever.
    func run(_ operation: @escaping @Sendable () async -> Void) -> Never {
        Task(executorPreference: self) { await operation() }
        while true {
            while let job = jobs.withLock({ $0.popFirst() }) {
                job.runSynchronously(on: asUnownedTaskExecutor())
            }
            parker.park()
        }
    }
}
