import ConcurrentFutures

/// What a simulated worker has, as its channel would show it, and what it has done to it.
struct SimulatedWorker {
    struct Frame {
        var task: TaskID
        var itemCount: Int
        var itemsDone: Int
        var isStarted = false
        var isRevoked = false
    }

    /// What it has written and nobody has read.
    enum Reply {
        case ready
        case passedOver
        case item(TaskID)
        /// - Parameter late: which limit of time the item had exceeded.
        case stoppedItem(TaskID, late: PoolStateMachine.TimeLimit?)
        case finished(TaskID, late: PoolStateMachine.TimeLimit?)
    }

    /// Whether its channel can be written to.
    var isReachable = false
    var isReady = false
    var mustStop = false
    /// It has answered the only task that it may run, and ends by itself.
    var hasRunLast = false
    /// Its process is about to end.
    var isKilled = false
    /// The pool has asked its process to end.
    var wasTerminated = false
    /// The pool has killed its process.
    var wasKilled = false
    /// Its process was stopped: it does nothing, but can be killed.
    var isFrozen = false
    /// The oldest first, from the first whose last reply has not been read.
    var frames: [Frame] = []
    /// How many of them it has answered.
    var answered = 0
    var replies: [Reply] = []
    /// When it began what it runs.
    var startedAt: UInt64 = 0
    var wasAskedToStop: TaskID?
    /// What the pool meant when it last asked it to stop, whether the worker obeys or not.
    var askedAbout: TaskID?
    /// When the pool last read a reply of its: earlier it cannot know that something else has begun.
    var heardAt: UInt64 = 0

    /// What it runs, or is to run next.
    var current: Frame? { answered < frames.count ? frames[answered] : nil }

    /// Whether all that it was given has ended or was taken back.
    var hasNothingToDo: Bool { frames.dropFirst(answered).allSatisfy(\.isRevoked) }

    /// How many tasks wait behind the one that it runs or is to run next.
    var waitingCount: Int { max(0, frames.dropFirst(answered).count { !$0.isRevoked } - 1) }

    /// Whether it has begun nothing that has not ended: if it was stopped, the pool has to find that out.
    var isIdleAtHeart: Bool { isReady && current?.isStarted != true }

    /// Whether anything can come of it without any time passing.
    var canDoAnything: Bool {
        if isKilled || !replies.isEmpty { return true }
        return !isFrozen && (!isReady || current != nil || mustStop || hasRunLast)
    }
}
