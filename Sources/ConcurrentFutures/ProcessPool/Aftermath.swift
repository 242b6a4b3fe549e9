/// What is to be done once the pool's lock has been let go.
struct Aftermath: ~Copyable {
    enum Completion {
        case encoded(Payload)
        case batch(BatchProgress, nanoseconds: UInt64)
        case failed(any Error)
        case cancelled
    }

    var completions: [(any AnyFuture, Completion)] = []
    var sleepers: [any WorkerChannel] = []
    var driverHasOrders = false

    /// Wakes workers first, so that they work while the rest is done.
    consuming func perform() {
        for channel in sleepers { channel.wake() }
        for (future, completion) in completions {
            let isFirst =
                switch completion {
                case .encoded(let payload): future.complete(encoded: payload)
                case .batch(let progress, let nanoseconds):
                    future.complete(encoded: progress.payload(nanoseconds: nanoseconds))
                case .failed(let error): future.complete(throwing: error)
                case .cancelled: future.completeCancelled()
                }
            assert(isFirst, "a task has ended twice")
        }
    }
}
