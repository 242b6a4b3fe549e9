/// Something that runs tasks elsewhere and gives a ``Future`` for each: a pool of processes, a pool of threads, or the calling
/// thread itself.
///
/// Write code against this protocol to leave the choice to its caller; the forms of `submit`, `run`, `map` and `mapUnordered`
/// are extensions of it, all made of ``enqueue(_:options:)``. The library's executors conform to it; only they can make futures.
///
/// Functions, arguments and results must be such that they can cross to another process, whichever executor runs them:
/// functions capture nothing, arguments and results are `Codable & Sendable`.
public protocol PoolExecutor: AnyObject, Sendable {
    /// How many tasks may be at work at once.
    var maxWorkers: Int { get }

    /// Takes a task and returns its future at once.
    ///
    /// It neither throws nor blocks: whatever goes wrong is the outcome of the future.
    func enqueue<Output: Sendable>(_ call: TaskCall<Output>, options: TaskOptions) -> Future<Output>

    /// Takes a task as ``enqueue(_:options:)`` does, but first waits while the executor has as many as it takes at a time.
    ///
    /// `run` and `map` come here. An executor that takes any number, as most do, need not implement it. If the waiting `Task` is cancelled
    /// the future is one that was cancelled.
    nonisolated(nonsending) func enqueueWhenRoom<Output: Sendable>(
        _ call: TaskCall<Output>,
        options: TaskOptions
    ) async -> Future<Output>

    /// Stops taking tasks, and returns when all that were taken have ended and the workers are gone.
    ///
    /// - Parameter cancelPending: whether the tasks that have not started are cancelled rather than run.
    nonisolated(nonsending) func shutdown(cancelPending: Bool) async
}

extension PoolExecutor {
    /// Takes a task at once.
    public nonisolated(nonsending) func enqueueWhenRoom<Output: Sendable>(
        _ call: TaskCall<Output>,
        options: TaskOptions
    ) async -> Future<Output> {
        enqueue(call, options: options)
    }

    /// Stops taking tasks, and returns when all that were taken have run and the workers are gone.
    public nonisolated(nonsending) func shutdown() async {
        await shutdown(cancelPending: false)
    }
}
