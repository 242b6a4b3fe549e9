import Synchronization

/// A piece of async code that can go on, and the executor on whose behalf.
struct PooledJob {
    let job: UnownedJob
    let executor: UnownedTaskExecutor

    func run() {
        job.runSynchronously(on: executor)
    }
}

/// A task of a thread pool, whatever it returns.
protocol PooledTask: AnyObject, Sendable {
    var isAsync: Bool { get }

    /// Starts it, on one of the pool's threads; a synchronous function has ended when this returns.
    func start(_ id: TaskID, in core: ThreadPoolCore, on starter: ThreadStarter)
    /// Asks the running function to stop.
    func requestCancellation()
    /// Ends a task that never started.
    func completeCancelled()
    /// Ends a task that never started.
    func complete(throwing error: any Error)
}

/// The function of a task in a thread pool, with its arguments.
enum PooledFunction<Output: Sendable>: Sendable {
    case sync(@Sendable () throws -> Output)
    case async(@Sendable () async throws -> Output)
}

final class PooledTaskOf<Output: Sendable>: PooledTask {
    private enum Cancelling {
        case notStarted
        case requested
        case started(Task<Void, Never>)
    }

    let isAsync: Bool
    private let future: Future<Output>
    // Read and erased by whom the pool's state has given the task to: the thread that starts it, or who takes it back from the
    // queue. Erased before the future completes, so that who hears of the end finds the arguments gone.
    @exclusivity(unchecked) nonisolated(unsafe) private var function: PooledFunction<Output>?
    private let cancelling = Mutex(Cancelling.notStarted)

    init(_ function: PooledFunction<Output>, future: Future<Output>) {
        self.function = function
        self.future = future
        isAsync = if case .async = function { true } else { false }
    }

    func start(_ id: TaskID, in core: ThreadPoolCore, on starter: ThreadStarter) {
        // A function on a plain thread would not see that it is cancelled, so it runs inside a task in any case.
        switch function.take() {
        case .sync(let function):
            begin(Task(executorPreference: starter) { self.finish(Result { try function() }, id, in: core) })
            starter.runStartedJob()
        case .async(let function):
            begin(Task(executorPreference: core) { self.finish(await Self.outcome(of: function), id, in: core) })
        case nil:
            preconditionFailure("a task was started twice")
        }
    }

    private static func outcome(of function: () async throws -> Output) async -> Result<Output, any Error> {
        do { return .success(try await function()) } catch { return .failure(error) }
    }

    private func finish(_ outcome: Result<Output, any Error>, _ id: TaskID, in core: ThreadPoolCore) {
        core.taskEnded(id, isAsync: isAsync)
        future.complete(outcome)
    }

    private func begin(_ task: Task<Void, Never>) {
        let isCancelled = cancelling.withLock { state in
            if case .requested = state { return true }
            state = .started(task)
            return false
        }
        if isCancelled { task.cancel() }
    }

    func requestCancellation() {
        let task = cancelling.withLock { state -> Task<Void, Never>? in
            if case .started(let task) = state { return task }
            state = .requested
            return nil
        }
        task?.cancel()
    }

    func completeCancelled() {
        function = nil
        future.completeCancelled()
    }

    func complete(throwing error: any Error) {
        function = nil
        future.complete(throwing: error)
    }
}

/// Catches the first job of a `Task` that a thread creates, so that the thread runs it at once and by itself.
final class ThreadStarter: TaskExecutor {
    // Only the thread it belongs to comes here: a task that is given to it never suspends, so its only job is enqueued by the
    // call that creates it.
    @exclusivity(unchecked) nonisolated(unsafe) private var job: UnownedJob?

    func enqueue(_ job: consuming ExecutorJob) {
        self.job = UnownedJob(job)
    }

    func runStartedJob() {
        guard let job = job.take() else { preconditionFailure("a task was created without a job") }
        job.runSynchronously(on: asUnownedTaskExecutor())
    }
}
