import DequeModule

/// All decisions of a process pool, and nothing else: events go in, actions come out, and no clock, process or lock is in it.
///
/// The driver carries out the actions in their order, and tells what came of them as further events. Whatever the order of events, each
/// task ends exactly once, there are never more than `maxWorkers`, a dead worker's innocent tasks run elsewhere, and nothing is left
/// after a shutdown; the simulation in the tests holds it to that.
struct PoolStateMachine {
    struct Configuration {
        var maxWorkers: Int
        /// So many are started at once and kept.
        var minWorkers: Int = 0
        /// How many tasks a worker may hold, the one that it runs included.
        var prefetch: Int = 128
        /// How much room a worker's channel has; see ``submit(cost:actions:)``.
        var channelRoom: Int
    }

    enum Action: Equatable {
        case startWorker(WorkerID)
        /// Put the task into the worker's channel; answered by ``sendFailed(_:to:actions:)`` if that is not possible.
        case send(TaskID, to: WorkerID)
        /// Take the task back from the worker if it has not started; answered by ``revoked(_:actions:)`` or ``revokeCameTooLate(_:)``.
        case revoke(TaskID, from: WorkerID)
        /// Tell the worker to end; it has nothing to do.
        case stopWorker(WorkerID)
        case killWorker(WorkerID)
        case complete(TaskID, Ending)
        /// Everything has ended: the last action of all.
        case stopped
    }

    /// How a task ends that brings no result.
    enum Ending: Equatable {
        case cancelled
        /// The worker died while it ran the task.
        case crashed
        /// No worker lives and none can be started.
        case broken
        case shutDown
        /// The task could not be put into a channel.
        case unsendable
    }

    typealias Actions = [Action]

    private struct Task {
        enum State {
            case queued
            case inFlight(WorkerID)
        }

        var state: State
        var cost: Int
        /// Its result is not to be told, whether it runs or not.
        var isCancelled = false
        /// It is to be cancelled unless it runs already.
        var isUnwanted = false
    }

    private struct Worker {
        enum State { case starting, ready, stopping }

        var state: State = .starting
        /// The oldest first; `nil` stands for one that was taken back and that the worker has not passed over yet.
        var inFlight: Deque<InFlight> = []
        /// Those of `inFlight` that are not `nil`.
        var liveCount = 0
        var room: Int
    }

    private struct InFlight {
        var task: TaskID?
        var cost: Int
    }

    private enum Life {
        case open, broken, stopped
    }

    private let configuration: Configuration
    private var life = Life.open
    private var isShutDown = false
    private var tasks = Slab<Task>()
    /// Those that wait for a worker, the next one first. Cancelled ones stay in it as numbers that mean nothing any more.
    private var backlog: Deque<TaskID> = []
    private var backlogCount = 0
    private var workers = Slab<Worker>()
    private var idle: [WorkerID] = []
    private var startingCount = 0
    private var canStartWorkers = true
    /// Workers that died before they were ready, or with tasks none of which they had begun, without a task having ended in between.
    private var deathsInVain = 0

    /// After so many deaths in vain the pool is broken, rather than starting workers for ever.
    static let mostDeathsInVain = 5

    init(configuration: Configuration) {
        self.configuration = configuration
    }

    // MARK: Events

    /// The pool opens.
    mutating func start(actions: inout Actions) {
        keepMinimum(&actions)
    }

    /// A task comes in.
    ///
    /// - Parameter cost: how much of a channel's room it takes, at most all of it.
    mutating func submit(cost: Int, actions: inout Actions) -> TaskID {
        let id = tasks.insert(Task(state: .queued, cost: cost))
        if isShutDown {
            complete(id, .shutDown, &actions)
        } else if life == .broken {
            complete(id, .broken, &actions)
        } else {
            backlog.append(id)
            backlogCount += 1
            dispatch(&actions)
        }
        return id
    }

    mutating func workerReady(_ id: WorkerID, actions: inout Actions) {
        guard workers[id]?.state == .starting else { return }
        workers[id]?.state = .ready
        startingCount -= 1
        becomeIdle(id, &actions)
        settle(&actions)
    }

    /// The oldest task of a worker has ended with a result.
    ///
    /// - Returns: the task, and whether its result is to be dropped because it was cancelled; `nil` if the worker runs none.
    mutating func finished(by id: WorkerID, actions: inout Actions) -> (task: TaskID, isCancelled: Bool)? {
        guard let oldest = workers[id]?.inFlight.first, let task = oldest.task, let record = tasks[task] else {
            return nil
        }
        removeOldest(of: id)
        tasks.remove(task)
        deathsInVain = 0
        refill(id, &actions)
        settle(&actions)
        return (task, record.isCancelled)
    }

    /// A worker has passed over the oldest task it had, which had been taken back.
    ///
    /// - Returns: whether that could be.
    mutating func passedOver(by id: WorkerID, actions: inout Actions) -> Bool {
        guard let oldest = workers[id]?.inFlight.first, oldest.task == nil else { return false }
        removeOldest(of: id)
        refill(id, &actions)
        return true
    }

    mutating func sendFailed(_ task: TaskID, to id: WorkerID, actions: inout Actions) {
        // Others that were to be sent after it may stand behind it already.
        guard let index = workers[id]?.inFlight.lastIndex(where: { $0.task == task }) else {
            preconditionFailure("only what was to be sent can fail to be sent")
        }
        let removed = workers[id]!.inFlight.remove(at: index)
        workers[id]!.room += removed.cost
        workers[id]!.liveCount -= 1
        complete(task, .unsendable, &actions)
        refill(id, &actions)
        settle(&actions)
    }

    mutating func revoked(_ task: TaskID, actions: inout Actions) {
        guard case .inFlight(let id)? = tasks[task]?.state,
            let index = workers[id]?.inFlight.lastIndex(where: { $0.task == task })
        else { preconditionFailure("what is taken back was in flight") }
        workers[id]!.inFlight[index].task = nil
        workers[id]!.liveCount -= 1
        requeue(task, &actions)
        dispatch(&actions)
        settle(&actions)
    }

    /// A task that was to be taken back runs already; it stays where it is.
    mutating func revokeCameTooLate(_ task: TaskID) {
        tasks[task]?.isUnwanted = false
    }

    /// Somebody wants the task not to run, or its result not to be told.
    ///
    /// - Returns: whether there is such a task.
    mutating func cancel(_ task: TaskID, actions: inout Actions) -> Bool {
        guard let record = tasks[task] else { return false }
        tasks[task]!.isCancelled = true
        switch record.state {
        case .queued:
            backlogCount -= 1
            complete(task, .cancelled, &actions)
            settle(&actions)
        case .inFlight(let id):
            if !record.isCancelled { actions.append(.revoke(task, from: id)) }
        }
        return true
    }

    /// Whatever has not ended is cancelled, whether it runs or not.
    mutating func cancelAll(actions: inout Actions) {
        for (task, _) in tasks.elements { _ = cancel(task, actions: &actions) }
    }

    /// A worker has ended, or could not be started.
    ///
    /// - Parameters:
    ///   - running: whether it had started the oldest task that it held.
    ///   - continues: whether that task has more to do, and goes on elsewhere: a batch loses only the item that was at work.
    ///   - isKeepersFault: whether it only went because its keeper went.
    mutating func workerEnded(
        _ id: WorkerID,
        running: Bool,
        continues: Bool,
        isKeepersFault: Bool,
        actions: inout Actions
    ) {
        guard let worker = workers.remove(id) else { return }
        idle.removeAll { $0 == id }
        if worker.state == .starting { startingCount -= 1 }
        var innocent: [TaskID] = worker.inFlight.compactMap(\.task)
        if running, let task = innocent.first {
            deathsInVain = 0
            if tasks[task]!.isCancelled {
                innocent.removeFirst()
                complete(task, .cancelled, &actions)
            } else if !continues {
                innocent.removeFirst()
                complete(task, .crashed, &actions)
            }
        } else if !isKeepersFault, worker.state == .starting || !innocent.isEmpty {
            deathsInVain += 1
        }
        for task in innocent.reversed() { requeue(task, &actions) }
        if workers.count == 0, !mayStartWorkers { breakDown(&actions) }
        keepMinimum(&actions)
        dispatch(&actions)
        settle(&actions)
    }

    /// No worker can ever be started, for a reason that the driver knows.
    mutating func cannotStartWorkers(actions: inout Actions) {
        canStartWorkers = false
        if workers.count == 0 { breakDown(&actions) }
        settle(&actions)
    }

    /// The pool's initializer failed in a worker, and would in each: whatever waits fails now, also while other workers live. They end
    /// what they have begun.
    mutating func initializerFailed(actions: inout Actions) {
        canStartWorkers = false
        breakDown(&actions)
        for (id, worker) in workers.elements {
            for case let task? in worker.inFlight.map(\.task) where !tasks[task]!.isCancelled {
                actions.append(.revoke(task, from: id))
            }
        }
        settle(&actions)
    }

    /// Nothing more comes in; what has come in is done, unless it is cancelled.
    ///
    /// - Parameter cancelPending: whether the tasks that do not run yet are cancelled.
    mutating func shutDown(cancelPending: Bool, actions: inout Actions) {
        isShutDown = true
        if cancelPending {
            for task in backlog where tasks[task] != nil { _ = cancel(task, actions: &actions) }
            for (id, worker) in workers.elements {
                for case let task? in worker.inFlight.map(\.task) where !tasks[task]!.isCancelled {
                    tasks[task]!.isUnwanted = true
                    actions.append(.revoke(task, from: id))
                }
            }
        }
        settle(&actions)
    }

    // MARK: Questions

    /// Where a task is; `nil` if it is not in a worker's channel.
    func place(of task: TaskID) -> (worker: WorkerID, index: Int)? {
        guard case .inFlight(let id)? = tasks[task]?.state,
            let index = workers[id]?.inFlight.firstIndex(where: { $0.task == task })
        else { return nil }
        return (id, index)
    }

    /// The oldest task that a worker holds.
    func oldestTask(of id: WorkerID) -> TaskID? {
        workers[id]?.inFlight.first?.task
    }

    /// The tasks that a worker holds, and their places in its channel.
    func tasks(of id: WorkerID) -> [(index: Int, task: TaskID)] {
        guard let worker = workers[id] else { return [] }
        return worker.inFlight.enumerated().compactMap { index, entry in entry.task.map { (index, $0) } }
    }

    /// Tasks that have not ended.
    var taskCount: Int { tasks.count }
    var workerCount: Int { workers.count }

    // MARK: Decisions

    /// Hands out what waits: to an idle worker, else to a new one, else to one that works and can hold more.
    private mutating func dispatch(_ actions: inout Actions) {
        guard life == .open else { return }
        while backlogCount > 0 {
            guard let next = backlog.first else { preconditionFailure("counted tasks are in the backlog") }
            guard let task = tasks[next], case .queued = task.state else {
                backlog.removeFirst()
                continue
            }
            if let id = idle.last {
                // The one that was idle last is the likeliest to have its caches warm.
                idle.removeLast()
                send(next, to: id, &actions)
            } else if mayStartWorkers, workers.count < configuration.maxWorkers, startingCount < backlogCount {
                startWorker(&actions)
            } else if backlogCount > startingCount, let id = leastLoadedWorker(for: task.cost) {
                send(next, to: id, &actions)
            } else {
                return
            }
        }
        backlog.removeAll(keepingCapacity: true)
    }

    private mutating func send(_ task: TaskID, to id: WorkerID, _ actions: inout Actions) {
        backlog.removeFirst()
        backlogCount -= 1
        let cost = tasks[task]!.cost
        tasks[task]!.state = .inFlight(id)
        workers[id]!.inFlight.append(InFlight(task: task, cost: cost))
        workers[id]!.liveCount += 1
        workers[id]!.room -= cost
        actions.append(.send(task, to: id))
    }

    private func leastLoadedWorker(for cost: Int) -> WorkerID? {
        var best: (id: WorkerID, load: Int)?
        for (id, worker) in workers.elements where worker.state == .ready && canHold(cost, worker) {
            if best == nil || worker.liveCount < best!.load { best = (id, worker.liveCount) }
        }
        return best?.id
    }

    private func canHold(_ cost: Int, _ worker: Worker) -> Bool {
        worker.inFlight.count < configuration.prefetch && worker.room >= cost
    }

    /// Gives a worker that has just had something taken off as much as it can hold.
    private mutating func refill(_ id: WorkerID, _ actions: inout Actions) {
        if workers[id]?.inFlight.isEmpty == true { return becomeIdle(id, &actions) }
        guard backlogCount > 0 else { return }
        dispatch(&actions)
    }

    /// A worker has nothing to do: it gets what waits, else what another one holds and has not begun.
    private mutating func becomeIdle(_ id: WorkerID, _ actions: inout Actions) {
        // What was taken back from it is still in the channel of a worker that has not passed over it; it will tell.
        guard let worker = workers[id], worker.state == .ready, worker.inFlight.isEmpty else { return }
        idle.append(id)
        dispatch(&actions)
        if idle.last == id, backlogCount == 0 { rebalance(&actions) }
    }

    /// Takes back half of what the fullest worker holds beyond the task that it runs.
    private mutating func rebalance(_ actions: inout Actions) {
        guard let (id, worker) = workers.elements.max(by: { $0.element.liveCount < $1.element.liveCount }),
            worker.liveCount >= 2
        else { return }
        let live = worker.inFlight.compactMap(\.task)
        for task in live.suffix(min(live.count / 2, Self.mostTakenBackAtOnce)) where !tasks[task]!.isCancelled {
            actions.append(.revoke(task, from: id))
        }
    }

    /// Bounds how long one rebalancing holds everything else up.
    static let mostTakenBackAtOnce = 32

    private mutating func requeue(_ task: TaskID, _ actions: inout Actions) {
        if tasks[task]!.isCancelled || tasks[task]!.isUnwanted {
            complete(task, .cancelled, &actions)
        } else if life == .broken {
            complete(task, .broken, &actions)
        } else {
            tasks[task]!.state = .queued
            backlog.prepend(task)
            backlogCount += 1
        }
    }

    private mutating func removeOldest(of id: WorkerID) {
        let removed = workers[id]!.inFlight.removeFirst()
        workers[id]!.room += removed.cost
        if removed.task != nil { workers[id]!.liveCount -= 1 }
    }

    private mutating func complete(_ task: TaskID, _ ending: Ending, _ actions: inout Actions) {
        tasks.remove(task)
        actions.append(.complete(task, ending))
    }

    private mutating func startWorker(_ actions: inout Actions) {
        let id = workers.insert(Worker(room: configuration.channelRoom))
        startingCount += 1
        actions.append(.startWorker(id))
    }

    private mutating func keepMinimum(_ actions: inout Actions) {
        guard life == .open, !isShutDown else { return }
        while workers.count < configuration.minWorkers, mayStartWorkers { startWorker(&actions) }
    }

    private var mayStartWorkers: Bool { canStartWorkers && deathsInVain < Self.mostDeathsInVain }

    private mutating func breakDown(_ actions: inout Actions) {
        guard life == .open else { return }
        life = .broken
        for task in backlog where tasks[task] != nil { complete(task, .broken, &actions) }
        backlog.removeAll()
        backlogCount = 0
    }

    /// Lets the workers go once there is nothing left for them to do.
    private mutating func settle(_ actions: inout Actions) {
        guard isShutDown, life != .stopped, tasks.count == 0 else { return }
        for (id, worker) in workers.elements {
            switch worker.state {
            case .ready:
                workers[id]!.state = .stopping
                actions.append(.stopWorker(id))
            case .starting:
                workers[id]!.state = .stopping
                startingCount -= 1
                actions.append(.killWorker(id))
            case .stopping:
                break
            }
        }
        idle.removeAll()
        if workers.count == 0 {
            life = .stopped
            actions.append(.stopped)
        }
    }

    // MARK: Invariants

    /// Everything that must hold after each event; for tests.
    func checkInvariants() {
        precondition(workers.count <= configuration.maxWorkers, "more workers than there may be")
        precondition(
            startingCount == workers.elements.count { $0.element.state == .starting },
            "starting workers are counted"
        )
        var held = 0
        for (id, worker) in workers.elements {
            precondition(worker.liveCount == worker.inFlight.count { $0.task != nil }, "live tasks are counted")
            precondition(
                worker.room == configuration.channelRoom - worker.inFlight.reduce(0) { $0 + $1.cost },
                "room is counted"
            )
            precondition(worker.room >= 0, "a channel holds more than it can")
            precondition(worker.inFlight.count <= configuration.prefetch, "a worker holds more than it may")
            for case let task? in worker.inFlight.map(\.task) {
                guard case .inFlight(id)? = tasks[task]?.state else {
                    preconditionFailure("a worker holds a task that is not there")
                }
                held += 1
            }
        }
        let waiting = backlog.filter { tasks[$0].map { if case .queued = $0.state { true } else { false } } ?? false }
        precondition(waiting.count == backlogCount && Set(waiting).count == waiting.count, "the backlog is counted")
        precondition(held + backlogCount == tasks.count, "each task is in one place")
        precondition(Set(idle).count == idle.count, "an idle worker is listed once")
        for id in idle {
            precondition(
                workers[id]?.state == .ready && workers[id]?.inFlight.isEmpty == true,
                "an idle worker has nothing to do"
            )
        }
        if backlogCount > 0, life == .open {
            precondition(idle.isEmpty, "a task waits although a worker is idle")
            precondition(workers.count > 0, "a task waits and no worker will come")
        }
    }
}
