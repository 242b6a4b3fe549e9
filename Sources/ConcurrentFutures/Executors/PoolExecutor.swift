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

    /// Stops taking tasks, and returns when all that were taken have ended and the workers are gone.
    ///
    /// - Parameter cancelPending: whether the tasks that have not started are cancelled rather than run.
    nonisolated(nonsending) func shutdown(cancelPending: Bool) async
}

extension PoolExecutor {
    /// Stops taking tasks, and returns when all that were taken have run and the workers are gone.
    public nonisolated(nonsending) func shutdown() async {
        await shutdown(cancelPending: false)
    }
}
