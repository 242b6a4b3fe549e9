/// Runs tasks on threads of its own.
///
/// It is for work that blocks: reading files, calling a C library that waits, holding a lock. Such work must not be done on
/// the threads that run Swift's async code, of which there are as many as CPUs; here it has threads that may wait.
///
/// ```swift
/// let pool = try ThreadPoolExecutor(maxWorkers: 8)
/// let future = pool.submit { try readConfiguration(at: path) }
/// print(try await future.value)
/// await pool.shutdown()
/// ```
///
/// Threads are started on demand, one for each task that finds none idle, and end when they have been idle for a while. Nothing
/// leaves the process: besides the forms of ``PoolExecutor`` there are others here that take closures with captures, and
/// arguments and results that are `Sendable` and no more.
///
/// An `async` function runs on these threads too, and gives its thread free while it is suspended; it counts as at work until it
/// has ended. As a `TaskExecutor` the pool runs any async code: `Task(executorPreference: pool) { … }`.
///
/// Cancelling a task that has not started, or waits to be run again, ends it. A task that runs is asked to stop: `Task.isCancelled`
/// becomes true in it, in a synchronous function too, and its outcome is the function's own; it is not run again.
///
/// A time limit cannot stop a thread. When the `timeout` of a task has passed, or its `deadline` while it runs, the task is asked to stop, as
/// by `Task.cancel()`; its future fails with ``PoolError/Code/timedOut`` when the function has returned, and what it returned or threw is
/// dropped. So a function that does not look at `Task.isCancelled` keeps its thread for as long as it takes; where that must not be, use a
/// ``ProcessPoolExecutor``. A task that has not started by its `deadline` fails at once, and never runs. In a `map` each item has the
/// `timeout` for itself. A task that waits for its next attempt holds no thread; see ``RetryPolicy``.
///
/// If the executor is dropped without being shut down, what was submitted is still run, and then its threads end.
public final class ThreadPoolExecutor: PoolExecutor {
    let core: ThreadPoolCore

    /// Creates a pool; it starts no thread yet.
    ///
    /// - Parameters:
    ///   - maxWorkers: how many tasks are at work at once; by default four more than the process may use CPUs, at most 32, because
    ///     tasks here are expected to wait.
    ///   - maxPending: how many tasks that have not ended the pool has at most; by default any number. `submit` beyond it fails with
    ///     ``PoolError/Code/queueFull``; `run` and `map` wait for their turn, in the order in which they came. The items of a `map` that
    ///     travel together are one task.
    ///   - idleTimeout: how long a thread without work waits for some before it ends.
    ///   - name: what the threads are called, followed by their number; tools show no more than 15 bytes.
    ///   - initializer: runs once in each thread, before its first task. If it throws, the pool is broken: every task that has not
    ///     started and every later one fails with a ``PoolError`` that carries the error.
    /// - Throws: ``PoolError`` with the code `invalidConfiguration` if an option makes no sense.
    public init(
        maxWorkers: Int? = nil,
        maxPending: Int? = nil,
        idleTimeout: Duration = .seconds(10),
        name: String = "thread-pool",
        initializer: (@Sendable () throws -> Void)? = nil
    ) throws {
        let maxWorkers = maxWorkers ?? min(32, AvailableProcessors.count() + 4)
        guard maxWorkers > 0 else {
            throw PoolError(.invalidConfiguration, "maxWorkers must be at least 1, but is \(maxWorkers)")
        }
        if let maxPending, maxPending < 1 {
            throw PoolError(.invalidConfiguration, "maxPending must be at least 1, but is \(maxPending)")
        }
        guard idleTimeout >= .zero else {
            throw PoolError(.invalidConfiguration, "idleTimeout must not be negative, but is \(idleTimeout)")
        }
        core = ThreadPoolCore(
            maxWorkers: maxWorkers,
            maxPending: maxPending,
            idleTimeout: idleTimeout,
            name: name,
            initializer: initializer
        )
    }

    deinit {
        core.close(cancelPending: false)
    }

    /// How many tasks may be at work at once.
    public var maxWorkers: Int { core.maxWorkers }

    /// Takes a task and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    public func enqueue<Output: Sendable>(_ call: TaskCall<Output>, options: TaskOptions) -> Future<Output> {
        core.submit(call.body, options)
    }

    /// Takes a task, but first waits while there are `maxPending` that have not ended.
    ///
    /// - Returns: the task's future. It is one that was cancelled if the `Task` that waits is cancelled, and it fails with
    ///   ``PoolError/Code/timedOut`` if the task's deadline passes meanwhile.
    public nonisolated(nonsending) func enqueueWhenRoom<Output: Sendable>(
        _ call: TaskCall<Output>,
        options: TaskOptions
    ) async -> Future<Output> {
        await core.submitWhenRoom(call.body, options)
    }

    /// Stops taking tasks, and returns when all that were taken have ended and the threads are gone.
    ///
    /// It waits for those too that are to be run again after a failure.
    ///
    /// - Parameter cancelPending: whether the tasks that have not started, or wait to be run again, are cancelled rather than run.
    public nonisolated(nonsending) func shutdown(cancelPending: Bool) async {
        core.close(cancelPending: cancelPending)
        await core.drain()
    }
}

extension ThreadPoolExecutor: TaskExecutor {
    /// Runs a piece of async code on one of the threads.
    ///
    /// It does not count as a task, but needs a thread: while all of them block, it waits. It is run after a shutdown too.
    public func enqueue(_ job: consuming ExecutorJob) {
        core.enqueue(PooledJob(job: UnownedJob(job), executor: asUnownedTaskExecutor()))
    }
}
