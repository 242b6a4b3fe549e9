import Synchronization

/// Runs each task at once, in this process, and treats it as if it crossed to another one: for debugging and for tests.
///
/// Functions that capture a value are refused, arguments and results are encoded and decoded, and errors arrive as they would
/// from a ``PoolExecutor`` of processes; but there is no other process, so a debugger stops in the task, and a crash is one of the
/// program. A synchronous function has ended when `submit` returns, which then has blocked; an `async` one is started as a `Task`.
public final class InlineExecutor: PoolExecutor {
    private struct State {
        var isShutDown = false
        var functions: [UInt32: BoundFunction] = [:]
        var running: [TaskID: RunningTask] = [:]
        var lastTask: TaskID = 0
    }

    /// Creates an executor; it needs no resources.
    public init() {}
}
