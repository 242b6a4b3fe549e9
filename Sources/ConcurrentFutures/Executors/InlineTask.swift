import Synchronization

/// A task of an ``InlineExecutor`` whose function is `async`: where it stands, and whom to tell that it is to stop.
final class InlineTask: Sendable {
    private enum Phase {
        case running
        /// Between two attempts.
        case waiting
        case over
    }

    private struct State {
        var phase = Phase.running
        var isStopped = false
        var refusesRetries = false
        var job: (any StoppableTask)?
    }

    let future: any AnyFuture
    private let state = Mutex(State())

    init(_ future: any AnyFuture) {
        self.future = future
    }

    var isRunning: Bool { state.withLock { $0.phase == .running } }
    var isOver: Bool { state.withLock { $0.phase == .over } }

    // MARK: By the task itself

    /// Has a `Task` told when this one is to stop. Only the last one is told.
    func begin(_ job: some StoppableTask) {
        let isStopped = state.withLock { state in
            state.job = job
            return state.isStopped
        }
        if isStopped { job.cancel() }
    }

    /// Makes a call, which is asked to stop when its time is over.
    ///
    /// - Parameter instant: on the clock of ``monotonicNanoseconds()``; `nil` if it has no limit.
    func run<Output: Sendable>(
        until instant: UInt64?,
        _ body: @escaping @Sendable () async -> Output
    ) async -> Output {
        // In a `Task` of its own: those after it must not find themselves asked, too.
        let job = Task { await body() }
        begin(job)
        let timer = instant.map { instant in
            Task {
                await sleepUntil(instant)
                if !Task.isCancelled { job.cancel() }
            }
        }
        defer { timer?.cancel() }
        return await job.value
    }

    /// Waits for the next attempt; `false` if there is to be none.
    func wait(until instant: UInt64) async -> Bool {
        let mayWait = state.withLock { state in
            guard !state.isStopped, !state.refusesRetries else { return false }
            state.phase = .waiting
            return true
        }
        guard mayWait else { return false }
        let pause = Task { await sleepUntil(instant) }
        begin(pause)
        await pause.value
        return state.withLock { state in
            guard state.phase == .waiting else { return false }
            state.phase = .running
            return true
        }
    }

    /// Called when all calls have ended; `false` if somebody else has ended the task.
    func end() -> Bool {
        state.withLock { state in
            defer { state.phase = .over }
            return state.phase != .over
        }
    }

    // MARK: By others

    /// Asks the task to stop.
    ///
    /// - Returns: Whether it waited for its next attempt, and is the caller's to end.
    func cancel() -> Bool {
        let (isTaken, job) = state.withLock { state in
            state.isStopped = true
            return (Self.takeWaiting(&state), state.job)
        }
        job?.cancel()
        return isTaken
    }

    /// Sees to it that there is no further attempt.
    ///
    /// - Returns: Whether it waited for one, and is the caller's to end.
    func refuseRetries() -> Bool {
        let (isTaken, job) = state.withLock { state in
            state.refusesRetries = true
            let isTaken = Self.takeWaiting(&state)
            // One that runs is left alone; a wait that nobody needs any more is not, also if it is only about to begin.
            if isTaken { state.isStopped = true }
            return (isTaken, state.job)
        }
        if isTaken { job?.cancel() }
        return isTaken
    }

    private static func takeWaiting(_ state: inout State) -> Bool {
        guard state.phase == .waiting else { return false }
        state.phase = .over
        return true
    }
}

/// A `Task`, whatever it returns.
protocol StoppableTask: Sendable {
    func cancel()
}

extension Task: StoppableTask {}
