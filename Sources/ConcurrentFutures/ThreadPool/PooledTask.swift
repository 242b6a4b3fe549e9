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

    /// Starts an attempt at it, on one of the pool's threads; a synchronous function has ended when this returns.
    func start(_ id: TaskID, in core: ThreadPoolCore, on starter: ThreadStarter)
    /// Asks the running function to stop.
    func requestCancellation()
    /// Ends a task that does not run: it never started, or waits for its next attempt.
    func completeCancelled()
    /// Ends a task that does not run: it never started, or waits for its next attempt.
    func complete(throwing error: any Error)
}

/// A task without limits: it runs once, for as long as it takes.
///
/// It is not generic over its body, because that was measured to be slower than calling the body through its protocol.
final class PooledTaskOf<Output: Sendable>: PooledTask {
    let isAsync: Bool
    private let future: Future<Output>
    // Read and erased by whom the pool's state has given the task to: the thread that starts it, or who takes it back from the
    // queue. Erased before the future completes, so that who hears of the end finds the arguments gone.
    @exclusivity(unchecked) nonisolated(unsafe) private var body: (any LocalBody<Output>)?
    private let stop = StopRequest()

    init(_ body: any LocalBody<Output>, future: Future<Output>) {
        self.body = body
        self.future = future
        isAsync = body.isAsync
    }

    func start(_ id: TaskID, in core: ThreadPoolCore, on starter: ThreadStarter) {
        guard let body = body.take() else { preconditionFailure("a task was started twice") }
        // A function on a plain thread would not see that it is cancelled, so it runs inside a task in any case.
        if isAsync {
            stop.begin(Task(executorPreference: core) { self.finish(await Self.outcome(of: body), id, in: core) })
        } else {
            stop.begin(Task(executorPreference: starter) { self.finish(Result { try body.run() }, id, in: core) })
            starter.runStartedJob()
        }
    }

    private static func outcome(of body: any LocalBody<Output>) async -> Result<Output, any Error> {
        do { return .success(try await body.runAsync()) } catch { return .failure(error) }
    }

    private func finish(_ outcome: Result<Output, any Error>, _ id: TaskID, in core: ThreadPoolCore) {
        core.taskEnded(id, isAsync: isAsync)
        future.complete(outcome)
    }

    func requestCancellation() {
        stop.request()
    }

    func completeCancelled() {
        body = nil
        future.completeCancelled()
    }

    func complete(throwing error: any Error) {
        body = nil
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
