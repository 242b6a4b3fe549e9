import DequeModule

// What the machine keeps of each task and of each worker.

extension PoolStateMachine {
    struct Task {
        enum State: Equatable {
            case queued
            case inFlight(WorkerID)
            /// An attempt has failed; the next one is due at that time.
            case waiting(until: UInt64)
            /// It has ended with an error, and it is being asked whether it is to be run again.
            case inQuestion
        }

        enum StopReason { case cancelled, deadline }

        // In an order that leaves few gaps: a million of them may wait.
        var limits: TaskLimits?
        var state: State
        /// Why its result is not to be told, whether it runs or not.
        var stop: StopReason?
        /// It is to be cancelled unless it runs already.
        var isUnwanted = false
        /// It was to be taken back, but the worker had started it.
        var isKnownStarted = false
        private var shortCost: UInt32
        private var shortAttempt: UInt32 = 1

        init(state: State, cost: Int, limits: TaskLimits?) {
            self.state = state
            shortCost = UInt32(cost)
            self.limits = limits
        }

        mutating func wasSent(to worker: WorkerID) {
            state = .inFlight(worker)
            isKnownStarted = false
        }

        /// How much of a channel's room it takes.
        var cost: Int { Int(shortCost) }
        /// Which attempt at it, or at a batch's current item, the running or next one is.
        var attempt: Int {
            get { Int(shortAttempt) }
            set { shortAttempt = UInt32(clamping: newValue) }
        }
        var timeout: UInt64 { limits?.timeoutNanoseconds ?? 0 }
        var deadline: UInt64 { limits?.deadlineInstant ?? 0 }
    }

    /// One object for each, which is looked at and changed in place: copies of it were a third of what the machine cost.
    final class Worker {
        enum State {
            case starting, ready
            /// It was told to end.
            case stopping
            /// It was killed, and its end has not been seen yet.
            case doomed
        }

        let id: WorkerID
        var state: State = .starting
        /// The oldest first; `nil` stands for one that was taken back and that the worker has not passed over yet.
        // Changed in place for each task, which is the one kind of access here that would be checked; nothing is called meanwhile that comes back.
        @exclusivity(unchecked) var inFlight: Deque<InFlight> = []
        /// Those of `inFlight` that are not `nil`.
        var liveCount = 0
        var room: Int
        var finishedCount = 0
        /// How many it may hold; see ``PoolStateMachine/adaptDepth(of:)``.
        var depth: Int
        /// How many have finished since ``lastProgress``.
        var finishedLately = 0
        /// When it was last seen to have finished something, or was given something after it had nothing, if the time was known then.
        var lastProgress: UInt64 = 0
        /// It was given something at a time that is not known, so that its speed cannot be told.
        var startsAfresh = false
        /// What ``leftCount`` was when it was last looked whether it is held up; `nil` if it has been given something since when it had nothing.
        var leftCountAtLook: Int?
        /// How many have left `inFlight`, whatever has become of them.
        var leftCount = 0
        /// What that was when the worker had last been seen not to have begun.
        var unbegunAt: Int?
        /// It does not begin what it was given, which is being taken back.
        var isStuck = false
        /// It is to go when it has nothing to do: there are too many.
        var isRetiring = false
        /// Since when it has had nothing to do.
        var idleSince: UInt64 = 0
        /// Since when its oldest task, or a batch's current item, may be at work.
        var busySince: UInt64 = 0
        /// When that was begun, as the worker said when it was first asked; it may say something else later.
        var begunAt: UInt64?
        /// When to look how long its oldest task has run, or, of one that was told to end, when to kill it.
        var lookAt = UInt64.max
        /// Set while its oldest task is to stop.
        var ladder: Ladder?

        init(id: WorkerID, room: Int, depth: Int) {
            self.id = id
            self.room = room
            self.depth = depth
        }

        var oldest: TaskID? { inFlight.first { $0.task != nil }?.task }
        /// Whether it has a task although it does not stand ready.
        var holdsInAdvance: Bool { state == .starting && liveCount > 0 }
        /// Whether it is there to stay.
        var isActive: Bool { (state == .ready || state == .starting) && !isRetiring }
    }

    struct InFlight {
        var task: TaskID?
        var cost: Int
    }
}
