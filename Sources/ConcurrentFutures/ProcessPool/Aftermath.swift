/// What is to be done once the pool's lock has been let go.
struct Aftermath: ~Copyable {
    enum Completion {
        case encoded(Payload)
        case batch(BatchProgress, nanoseconds: UInt64)
        case failed(any Error)
        case cancelled

        /// Puts an error in the place of an outcome that was one.
        mutating func replace(with error: PoolError) {
            guard case .batch(_, let nanoseconds) = self else { return self = .failed(error) }
            let progress = BatchProgress()
            progress.append(error)
            self = .batch(progress, nanoseconds: nanoseconds)
        }

        /// The outcome as bytes, if it is one.
        var payload: Payload? {
            switch self {
            case .encoded(let payload): payload
            case .batch(let progress, let nanoseconds): progress.payload(nanoseconds: nanoseconds)
            case .failed, .cancelled: nil
            }
        }
    }

    /// What becomes of a task that has thrown an error: to read that, and to ask the policy, is to run the program's own code.
    struct Question {
        let task: TaskID
        let reader: OutcomeReader
        let outcome: Completion
        /// `nil` if it is not run again in any case.
        let isRunAgain: (@Sendable (any Error) -> Bool)?
    }

    /// A task that has ended, which is let go of when that has been told.
    private struct Ended {
        let task: Unmanaged<PoolTask>
        let completion: Completion

        func tell() {
            let isFirst = task._withUnsafeGuaranteedRef { $0.end(completion) }
            assert(isFirst, "a task has ended twice")
            task.release()
        }
    }

    private var ended: [Ended] = []
    var questions: [Question] = []
    /// Channels in which something was put; each once, unless tasks go to several in turns.
    private var channels: [any WorkerChannel] = []
    private var lastChannel: ObjectIdentifier?
    /// Whether any of what was put into them is urgent.
    private var isUrgent = false
    var driverHasOrders = false
    /// How many tasks have ended, and how many bytes their arguments had.
    private(set) var endedCount = 0
    private(set) var endedBytes = 0

    /// Whether nothing is to be done.
    var isEmpty: Bool { channels.isEmpty && endedCount == 0 && questions.isEmpty && !driverHasOrders }

    mutating func sentTo(_ channel: any WorkerChannel, isUrgent: Bool) {
        if isUrgent { self.isUrgent = true }
        guard lastChannel != ObjectIdentifier(channel) else { return }
        lastChannel = ObjectIdentifier(channel)
        channels.append(channel)
    }

    /// Takes the task over.
    mutating func add(_ task: Unmanaged<PoolTask>, _ completion: Completion) {
        endedCount += 1
        task._withUnsafeGuaranteedRef {
            endedBytes += $0.argumentBytes
            $0.prefetchFuture()
        }
        ended.append(Ended(task: task, completion: completion))
    }

    /// Wakes workers first, so that they work while the rest is done.
    ///
    /// - Parameter ask: has a question answered, elsewhere.
    consuming func perform(ask: (Question) -> Void) {
        for channel in channels where channel.needsWaking(isUrgent: isUrgent) { channel.wake() }
        for question in questions { ask(question) }
        for index in ended.indices { ended[index].tell() }
    }
}
