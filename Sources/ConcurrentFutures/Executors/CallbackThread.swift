/// Runs the completion callbacks of a pool, one after another, on a thread of their own: one that blocks delays other
/// callbacks, but no task.
final class CallbackThread: CallbackScheduler {
    private let thread: ServiceThread

    /// - Parameter name: the pool's, from which the thread's is made.
    init(name: String) {
        thread = ServiceThread(name: ThreadName(name, suffix: "-cb"))
    }

    func schedule(_ work: @escaping @Sendable () -> Void) {
        thread.schedule(work)
    }

    /// Lets the thread end as soon as it has nothing to do.
    func close() {
        thread.close()
    }

    /// Returns when all callbacks have run and the thread is gone; only after ``close()``.
    nonisolated(nonsending) func drain() async {
        await thread.drain()
    }
}
