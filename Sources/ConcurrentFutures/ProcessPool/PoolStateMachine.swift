import DequeModule

/// All decisions of a process pool, and nothing else: events go in, actions come out, and no clock, process or lock is in it.
///
/// The driver carries out the actions in their order, and tells what came of them as further events. Whatever the order of events, each
/// task ends exactly once, there are never more than `maxWorkers`, a dead worker's innocent tasks run elsewhere, and nothing is left
/// after a shutdown; the simulation in the tests holds it to that.
///
/// It cannot be copied: implicit copies, with their references, were a quarter of the driver's time. Methods that are not mutating are
/// yet given it by value, all of its some hundred bytes, unless they are inlined: so what takes some code and is called for each task is mutating, whether it changes anything or not.
///
/// What belongs together is in files of its own: what is kept (`+Records`), handing out (`+Dispatch`), stopping what runs (`+Stopping`), finding workers that do nothing
/// (`+Beginnings`), how tasks and workers end (`+Endings`), and what must always hold (`+Invariants`).
package struct PoolStateMachine: ~Copyable {
    package enum Action: Equatable {
        case startWorker(WorkerID)
        /// Put the task into the worker's channel; answered by ``sendFailed(_:to:isShortage:actions:)`` if that is not possible.
        case send(TaskID, to: WorkerID)
        /// Take the task back from the worker if it has not started; answered by ``revoked(_:actions:)`` or
        /// ``revokeCameTooLate(_:actions:)``.
        case revoke(TaskID, from: WorkerID)
        /// Look when the worker began its oldest task; answered by ``observedStart(by:at:actions:)``.
        case lookAtStart(by: WorkerID)
        /// Look whether the worker has begun the oldest that it was given; answered by ``hasNotBegun(_:actions:)`` if not.
        case lookWhetherBegun(WorkerID)
        /// Only to be answered, by ``climb(_:actions:)``: what was to be taken back from the worker has been by then.
        case climb(WorkerID)
        /// Ask the worker to stop its oldest task, or the item of a batch that is at work.
        case askToStop(WorkerID, onlyItem: Bool)
        /// Ask the worker's process to end, by a signal that it may handle.
        case terminateWorker(WorkerID)
        case killWorker(WorkerID)
        /// Tell the worker to end; it has nothing to do.
        case stopWorker(WorkerID)
        /// Give up all workers, whatever has become of them, and tell the end of each.
        case abandonWorkers
        /// Say that the pool works on with fewer workers than it should have.
        case tellShortage
        case complete(TaskID, Ending)
        /// Everything has ended: the last action of all.
        case stopped
    }

    /// How a task ends that brings no result.
    package enum Ending: Equatable {
        case cancelled
        /// The worker died while it ran the task.
        case crashed
        case timedOut(TimeLimit)
        /// No worker lives and none can be started.
        case broken
        case shutDown
        /// The task could not be put into a channel.
        case unsendable
        /// Its outcome, which was in question, stands.
        case judged
    }

    package enum TimeLimit: Equatable {
        /// The task ran longer than it may.
        case timeout
        /// The deadline passed before the task had started, or between two attempts.
        case deadlineBeforeStart
        /// The deadline passed while the task ran.
        case deadline
    }

    package typealias Actions = [Action]

    enum Life {
        case open, broken, stopped
    }

    var configuration: Configuration
    /// What time it is, in nanoseconds; set before an event if ``needsTime``, and always before ``timePassed(actions:)``.
    package var now: UInt64 = 0
    var life = Life.open
    var isShutDown = false
    /// Whether all is to end soon after the grace period.
    var isTerminated = false
    /// Whether nothing is begun any more, not even another attempt.
    var cancelsPending = false
    var tasks = Slab<Task>()
    /// Those that wait for a worker, the next one first. Cancelled ones stay in it as numbers that mean nothing any more.
    var backlog: Deque<TaskID> = []
    var backlogCount = 0
    var workers = Slab<Worker>()
    /// The one that has been idle longest first.
    var idle: [WorkerID] = []
    var startingCount = 0
    /// Whether tasks wait for which no worker has room, and nothing has changed since that was found.
    var isSaturated = false
    /// Whether several events are told in a row, after which tasks are handed out once for all of them.
    var isBatching = false
    var needsDispatch = false
    /// Whether ``now`` is the time, also if nobody need know it.
    var knowsTime = false
    /// When to look next whether workers are held up by long tasks.
    var nextLookForHeldUp: UInt64 = 0
    var canStartWorkers = true
    /// Workers that died before they were ready, or with tasks none of which they had begun, while no other lived, without a task having ended in
    /// between.
    var deathsInVain = 0
    /// When others are started after such deaths while another one lives.
    var startBackoff: StartBackoff
    /// The deadlines of tasks, and the times of their next attempts.
    var timers = TaskTimers()
    /// Tasks with limits, workers on a ladder, and workers that were told to end: as long as there are any, it matters what time it is.
    var timedCount = 0
    /// Whether it matters in any case.
    var mayLetGo: Bool
    /// When it is to be looked whether workers begin what they were given.
    var beginningsCheck = BeginningsCheck.none
    /// When everything must have ended.
    var abandonAt = UInt64.max

    /// After so many deaths in vain the pool is broken, rather than starting workers for ever.
    static let mostDeathsInVain = 5

    package init(configuration: Configuration) {
        self.configuration = configuration
        startBackoff = StartBackoff(first: configuration.startPause, longest: configuration.longestStartPause)
        mayLetGo = configuration.idleTimeout != nil || configuration.maxTasksPerWorker != nil
    }

    // MARK: Events

    /// The pool opens.
    package mutating func start(actions: inout Actions) {
        keepMinimum(&actions)
    }

    /// A task comes in.
    ///
    /// - Parameter cost: how much of a channel's room it takes, at most all of it.
    package mutating func submit(cost: Int, limits: TaskLimits? = nil, actions: inout Actions) -> TaskID {
        let id = tasks.insert(Task(state: .queued, cost: cost, limits: limits))
        if limits != nil { timedCount += 1 }
        if isShutDown {
            complete(id, .shutDown, &actions)
        } else if life == .broken {
            complete(id, .broken, &actions)
        } else if let deadline = limits?.deadlineInstant, deadline != 0, deadline <= now {
            complete(id, .timedOut(.deadlineBeforeStart), &actions)
        } else {
            if let deadline = limits?.deadlineInstant, deadline != 0 { addTimer(deadline, id) }
            backlog.append(id)
            backlogCount += 1
            // Where there is no room for the first that waits there is none for the last.
            if !isSaturated { dispatch(&actions) }
        }
        return id
    }

    package mutating func workerReady(_ id: WorkerID, actions: inout Actions) {
        guard let worker = workers[id], worker.state == .starting else { return }
        worker.state = .ready
        startingCount -= 1
        startBackoff.succeeded()
        oldestChanged(worker, &actions)
        becomeFree(worker, &actions)
        settle(&actions)
    }

    /// A worker has passed over the oldest task it had, which had been taken back.
    ///
    /// - Returns: whether that could be.
    package mutating func passedOver(by id: WorkerID, actions: inout Actions) -> Bool {
        guard let worker = workers[id], let oldest = worker.inFlight.first, oldest.task == nil else { return false }
        removeOldest(of: worker)
        becomeFree(worker, &actions)
        return true
    }

    /// A task could not be put into a worker's channel.
    ///
    /// - Parameter isShortage: whether this program only had no descriptors or no memory left for it. It is tried again a little later then,
    ///   as long as something is in flight that may give some back.
    package mutating func sendFailed(_ task: TaskID, to id: WorkerID, isShortage: Bool, actions: inout Actions) {
        // Others that were to be sent after it may stand behind it already.
        guard let worker = workers[id], let index = worker.inFlight.lastIndex(where: { $0.task == task }) else {
            preconditionFailure("only what was to be sent can fail to be sent")
        }
        let wasOldest = worker.oldest == task
        let removed = worker.inFlight.remove(at: index)
        worker.leftCount += 1
        worker.room += removed.cost
        worker.liveCount -= 1
        if isShortage, workers.elements.contains(where: { !$0.element.inFlight.isEmpty }) {
            postpone(task, &actions)
        } else {
            complete(task, .unsendable, &actions)
        }
        if wasOldest { oldestChanged(worker, &actions) }
        becomeFree(worker, &actions)
        settle(&actions)
    }

    /// A task is about to be taken back.
    ///
    /// - Returns: its place in the worker's channel; `nil` if it is not there any more.
    package mutating func revocation(of task: TaskID, from id: WorkerID, actions: inout Actions) -> Int? {
        guard let (current, index) = place(of: task) else { return nil }
        if current == id { return index }
        // It was sent elsewhere in the meantime.
        if tasks[task]!.stop != nil || tasks[task]!.isUnwanted { actions.append(.revoke(task, from: current)) }
        return nil
    }

    package mutating func revoked(_ task: TaskID, actions: inout Actions) {
        guard case .inFlight(let id)? = tasks[task]?.state, let worker = workers[id],
            let index = worker.inFlight.lastIndex(where: { $0.task == task })
        else { preconditionFailure("what is taken back was in flight") }
        let wasOldest = worker.oldest == task
        worker.inFlight[index].task = nil
        worker.liveCount -= 1
        if worker.isRetiring, worker.state == .starting { dismiss(worker, &actions) }
        requeue(task, &actions)
        if wasOldest { oldestChanged(worker, &actions) }
        dispatch(&actions)
        settle(&actions)
    }

    /// A task that was to be taken back runs already; it stays where it is.
    package mutating func revokeCameTooLate(_ task: TaskID, actions: inout Actions) {
        guard case .inFlight(let id)? = tasks[task]?.state, let worker = workers[id] else { return }
        worker.isStuck = false
        tasks[task]!.isUnwanted = false
        tasks[task]!.isKnownStarted = true
        if worker.oldest != task {
            // The worker has gone on to it, so the one before has ended, and its outcome is about to be seen: nothing is to be stopped.
            endLadder(of: worker, &actions)
        } else if tasks[task]!.stop != nil {
            beginLadder(of: worker, isTimeout: false, &actions)
        }
    }

    /// There are to be so many workers at most; those that are too many end their task first.
    package mutating func resize(to maxWorkers: Int, actions: inout Actions) {
        configuration.maxWorkers = maxWorkers
        mayLetGo = true
        var surplus = workers.elements.count { $0.element.isActive } - maxWorkers
        for (_, worker) in workers.elements
        where surplus < 0 && worker.isRetiring && (worker.state == .ready || worker.state == .starting) {
            worker.isRetiring = false
            surplus += 1
        }
        while surplus > 0, let id = idle.first {
            letGo(workers[id]!, &actions)
            surplus -= 1
        }
        for (_, worker) in workers.elements where surplus > 0 && worker.isActive {
            surplus -= 1
            if worker.state == .starting {
                dismiss(worker, &actions)
            } else {
                worker.isRetiring = true
                revokeAllButOldest(of: worker, &actions)
            }
        }
        dispatch(&actions)
        settle(&actions)
    }

    // MARK: Questions

    /// Whether a task that came in now, without limits, would wait as others do, until something happens.
    var isWaitingForWorkers: Bool { isSaturated && life == .open && !isShutDown }

    /// Whether it has to be told the time before the next event.
    var needsTime: Bool { timedCount > 0 || mayLetGo || isShutDown || startBackoff.end != nil }

    /// Where a task is; `nil` if it is not in a worker's channel.
    package func place(of task: TaskID) -> (worker: WorkerID, index: Int)? {
        guard case .inFlight(let id)? = tasks[task]?.state,
            let index = workers[id]?.inFlight.firstIndex(where: { $0.task == task })
        else { return nil }
        return (id, index)
    }

    /// The task that a worker's next reply is about; `nil` if that has been taken back.
    package func oldestTask(of id: WorkerID) -> TaskID? {
        workers[id]?.inFlight.first?.task
    }

    /// The place in its channel of the oldest task that a worker has and that was not taken back.
    package func oldestPlace(of id: WorkerID) -> Int? {
        workers[id]?.inFlight.firstIndex { $0.task != nil }
    }

    /// The tasks that a worker holds, and their places in its channel.
    func tasks(of id: WorkerID) -> [(index: Int, task: TaskID)] {
        guard let worker = workers[id] else { return [] }
        return worker.inFlight.enumerated().compactMap { index, entry in entry.task.map { (index, $0) } }
    }

    /// Which attempt a task's running or next one is.
    func attempt(of task: TaskID) -> Int { tasks[task]?.attempt ?? 1 }

    /// Whether a worker's oldest task is to stop.
    package func isStopping(_ id: WorkerID) -> Bool {
        guard let worker = workers[id] else { return false }
        return worker.ladder != nil || worker.oldest.map { tasks[$0]!.stop != nil } ?? false
    }

    /// Whether a worker that stands ready holds a task.
    var isAnyWorkerBusy: Bool { workers.elements.contains { $0.element.state == .ready && $0.element.liveCount > 0 } }

    func isInQuestion(_ task: TaskID) -> Bool { tasks[task]?.state == .inQuestion }

    /// Tasks that have not ended.
    package var taskCount: Int { tasks.count }
    package var workerCount: Int { workers.count }
    var readyWorkerCount: Int { workers.elements.count { $0.element.state == .ready } }
}
