import Synchronization

/// Whether a task in this process was asked to stop, and the `Task` that runs its function, which has to be told.
struct StopRequest: ~Copyable, Sendable {
    // Not private: with a private type in it, the compiler fails on a generic class of another file that has one of these stored.
    struct State {
        var isRequested = false
        var task: Task<Void, Never>?
    }

    private let state = Mutex(State())

    var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Has a `Task` told of a request, also of one that came before it. Only the last one is told.
    func begin(_ task: Task<Void, Never>) {
        let isRequested = state.withLock { state in
            state.task = task
            return state.isRequested
        }
        if isRequested { task.cancel() }
    }

    func request() {
        let task = state.withLock { state in
            state.isRequested = true
            return state.task
        }
        // Without the lock, because it runs the function's own cancellation handlers.
        task?.cancel()
    }
}
