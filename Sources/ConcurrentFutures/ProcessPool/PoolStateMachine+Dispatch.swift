// Handing tasks out to workers, and starting and letting go of workers as there is work.

extension PoolStateMachine {
    /// Bounds how long one rebalancing holds everything else up; of what is held up behind a long task it may be half, if that is more.
    static let mostTakenBackAtOnce = 32

    /// Hands out what waits: to an idle worker, else to a new one, else to one that works and can hold more.
    mutating func dispatch(_ actions: inout Actions) {
        guard life == .open else { return }
        guard !isBatching else { return needsDispatch = true }
        handOut(&actions)
        relieve(&actions)
    }

    private mutating func handOut(_ actions: inout Actions) {
        isSaturated = false
        // The one that is given tasks until it holds as many as the next one.
        var target: (worker: Worker, fill: Int)?
        while backlogCount > 0 {
            guard let next = backlog.first else { preconditionFailure("counted tasks are in the backlog") }
            if backlog.count > Self.prefetched { tasks.prefetch(backlog[Self.prefetched]) }
            guard let cost = tasks[next].flatMap({ $0.state == .queued ? $0.cost : nil }) else {
                backlog.removeFirst()
                continue
            }
            if let id = idle.last {
                // The one that was idle last is the likeliest to have its caches warm.
                idle.removeLast()
                send(next, cost, to: workers[id]!, &actions)
            } else if workers.count < configuration.maxWorkers, mayStartWorkers, vacantCount < backlogCount {
                startWorker(&actions)
            } else if backlogCount > vacantCount {
                if let (worker, fill) = target, worker.liveCount < fill, canTake(worker), canHold(cost, worker) {
                } else {
                    target = leastLoadedWorker(for: cost)
                }
                guard let target else {
                    for task in backlog.prefix(Self.prefetched) { tasks.prefetch(task) }
                    return isSaturated = true
                }
                send(next, cost, to: target.worker, &actions)
            } else {
                // They are for workers that are being started; more of them may want more workers.
                return
            }
        }
        backlog.removeAll(keepingCapacity: true)
    }

    /// How many tasks ahead their records are fetched.
    private static let prefetched = 4

    private mutating func send(_ task: TaskID, _ cost: Int, to worker: Worker, _ actions: inout Actions) {
        backlog.removeFirst()
        backlogCount -= 1
        tasks[task]!.wasSent(to: worker.id)
        worker.inFlight.append(InFlight(task: task, cost: cost))
        worker.liveCount += 1
        worker.room -= cost
        actions.append(.send(task, to: worker.id))
        if worker.liveCount == 1 {
            worker.leftCountAtLook = nil
            if knowsTime { worker.lastProgress = now } else { worker.startsAfresh = true }
            oldestChanged(worker, &actions)
        }
    }

    /// - Returns: the worker that holds least, and how many it can be given before another one holds less.
    private func leastLoadedWorker(for cost: Int) -> (worker: Worker, fill: Int)? {
        var best: Worker?
        var nextLoad = Int.max
        workers.forEach { worker in
            guard canTake(worker), canHold(cost, worker) else { return }
            if let other = best, other.liveCount <= worker.liveCount {
                nextLoad = min(nextLoad, worker.liveCount)
            } else {
                nextLoad = best?.liveCount ?? .max
                best = worker
            }
        }
        return best.map { ($0, nextLoad) }
    }

    private func canHold(_ cost: Int, _ worker: Worker) -> Bool {
        worker.inFlight.count < worker.depth && worker.room >= cost
    }

    /// Whether a worker may be given another task at all.
    private func canTake(_ worker: Worker) -> Bool {
        guard worker.state == .ready, worker.ladder == nil, !worker.isRetiring, !worker.isStuck else { return false }
        guard let most = configuration.maxTasksPerWorker else { return true }
        return worker.finishedCount + worker.liveCount < most
    }

    /// Whether a worker has run as many tasks as it may, or is too many.
    private func isDone(_ worker: Worker) -> Bool {
        worker.isRetiring || configuration.maxTasksPerWorker.map { worker.finishedCount >= $0 } ?? false
    }

    /// A worker may have room for more: it gets what waits. If it has nothing to do and nothing waits, it gets what another one holds and has
    /// not begun. It is one of ``workers``.
    mutating func becomeFree(_ worker: Worker, _ actions: inout Actions) {
        guard worker.state == .ready, worker.ladder == nil else { return dispatch(&actions) }
        if worker.liveCount == 0, isDone(worker) {
            letGo(worker, &actions)
            return dispatch(&actions)
        }
        // What was taken back from it is still in the channel of a worker that has not passed over it; it will tell.
        guard worker.inFlight.isEmpty else { return dispatch(&actions) }
        if !idle.contains(worker.id) {
            worker.idleSince = now
            idle.append(worker.id)
        }
        dispatch(&actions)
        if !isBatching, idle.last == worker.id, backlogCount == 0 { rebalance(&actions) }
    }

    /// Takes back half of what the fullest workers hold beyond the tasks that they run, and what those hold that are only being started, so that there is something for
    /// each that is idle.
    mutating func rebalance(_ actions: inout Actions) {
        var wanted = idle.count
        let fullest = workers.elements.filter { $0.element.liveCount >= 2 || $0.element.holdsInAdvance }
            .sorted { $0.element.liveCount > $1.element.liveCount }
        for (id, worker) in fullest where wanted > 0 {
            // One that is being started runs none of what it has.
            let surplus = worker.inFlight.compactMap(\.task).dropFirst(worker.holdsInAdvance ? 0 : 1)
                .filter { tasks[$0]!.stop == nil }
                .suffix(min(max(worker.liveCount / 2, 1), Self.mostTakenBackAtOnce))
            revoke(surplus, from: id, &actions)
            wanted -= surplus.count
        }
    }

    mutating func revokeAllButOldest(of worker: Worker, _ actions: inout Actions) {
        revoke(worker.inFlight.compactMap(\.task).dropFirst(), from: worker.id, &actions)
    }

    /// Takes back several tasks, the last one first: each goes to the head of the backlog, where they are to stand in their order.
    func revoke(_ tasks: some BidirectionalCollection<TaskID>, from id: WorkerID, _ actions: inout Actions) {
        for task in tasks.reversed() { actions.append(.revoke(task, from: id)) }
    }

    /// A task that is not in a channel any more is handed out again, before all others, unless nobody wants it now.
    mutating func requeue(_ task: TaskID, _ actions: inout Actions) {
        if let stop = tasks[task]!.stop {
            complete(task, stop == .cancelled ? .cancelled : .timedOut(.deadlineBeforeStart), &actions)
        } else if tasks[task]!.isUnwanted {
            complete(task, .cancelled, &actions)
        } else if life == .broken {
            complete(task, .broken, &actions)
        } else {
            tasks[task]!.state = .queued
            backlog.prepend(task)
            backlogCount += 1
        }
    }

    /// A task that cannot be sent now does not hold up others that can.
    mutating func postpone(_ task: TaskID, _ actions: inout Actions) {
        guard tasks[task]!.stop == nil, !tasks[task]!.isUnwanted, life == .open else { return requeue(task, &actions) }
        if tasks[task]!.limits == nil {
            // What time it is matters to it from now on.
            tasks[task]!.limits = TaskLimits(timeout: nil, deadline: nil, retry: nil)
            timedCount += 1
        }
        tasks[task]!.state = .waiting(until: now + Self.timeToRecover)
        addTimer(now + Self.timeToRecover, task)
    }

    /// How long until what could not be sent is tried again.
    private static let timeToRecover: UInt64 = 10_000_000

    func removeOldest(of worker: Worker) {
        let removed = worker.inFlight.removeFirst()
        worker.leftCount += 1
        worker.isStuck = false
        worker.room += removed.cost
        if removed.task != nil { worker.liveCount -= 1 }
    }

    // MARK: Workers

    var mayStartWorkers: Bool { canStartWorkers && !areStartsHeldBack }

    /// Whether it is waited until another worker is started, because one was in vain.
    var areStartsHeldBack: Bool { startBackoff.end != nil || (startBackoff.isProbing && startingCount > 0) }

    /// Workers that are being started and have no task yet: each is for one of the backlog.
    var vacantCount: Int {
        guard isOneTaskPerWorker, startingCount > 0 else { return startingCount }
        return workers.elements.count { $0.element.state == .starting && $0.element.liveCount == 0 }
    }

    /// Whether each worker runs one task only. Then it has that before it stands ready, since no other is lost by it, and ends by itself when it has answered, since it would have to be
    /// woken to be told.
    var isOneTaskPerWorker: Bool { configuration.maxTasksPerWorker == 1 }

    /// A worker that is being started can be sent to.
    package mutating func workerReachable(_ id: WorkerID, actions: inout Actions) {
        guard isOneTaskPerWorker, life == .open, let worker = workers[id], worker.state == .starting,
            worker.inFlight.isEmpty
        else { return }
        while backlogCount > 0, let next = backlog.first {
            if let task = tasks[next], task.state == .queued { return send(next, task.cost, to: worker, &actions) }
            backlog.removeFirst()
        }
    }

    /// The start of a worker has failed, and is tried again later: what it was sent is lost.
    package mutating func startPostponed(_ id: WorkerID, actions: inout Actions) {
        guard let worker = workers[id], !worker.inFlight.isEmpty else { return }
        let held = worker.inFlight.compactMap(\.task)
        while !worker.inFlight.isEmpty { removeOldest(of: worker) }
        for task in held.reversed() { requeue(task, &actions) }
        dispatch(&actions)
        settle(&actions)
    }

    private mutating func startWorker(_ actions: inout Actions) {
        let id = workers.insert { id in
            Worker(id: id, room: configuration.channelRoom, depth: min(Self.firstDepth, configuration.prefetch))
        }
        startingCount += 1
        actions.append(.startWorker(id))
    }

    mutating func keepMinimum(_ actions: inout Actions) {
        guard life == .open, !isShutDown else { return }
        var active = workers.elements.count { $0.element.isActive }
        while active < configuration.minWorkers, workers.count < configuration.maxWorkers, mayStartWorkers {
            startWorker(&actions)
            active += 1
        }
    }

    /// Starts workers for what others hold in advance, which was handed out when there could be no more workers.
    private mutating func relieve(_ actions: inout Actions) {
        guard workers.count < configuration.maxWorkers else { return }
        var waiting = workers.elements.reduce(0) { $0 + max(0, $1.element.liveCount - 1) } - vacantCount
        while waiting > 0, workers.count < configuration.maxWorkers, mayStartWorkers {
            startWorker(&actions)
            waiting -= 1
        }
    }

    /// Tells a worker that has nothing to do to end.
    mutating func letGo(_ worker: Worker, _ actions: inout Actions) {
        idle.removeAll { $0 == worker.id }
        worker.state = .stopping
        worker.lookAt = now + Self.timeToEnd
        timedCount += 1
        actions.append(.stopWorker(worker.id))
    }

    /// A worker that was told to end ends at once, unless its process was stopped.
    private static let timeToEnd: UInt64 = 2_000_000_000

    /// A worker that is being started is not wanted any more. What it holds it may have begun already: then it ends that first.
    mutating func dismiss(_ worker: Worker, _ actions: inout Actions) {
        worker.isRetiring = true
        guard worker.holdsInAdvance else { return doom(worker, &actions) }
        revoke(worker.inFlight.compactMap(\.task), from: worker.id, &actions)
    }

    mutating func doom(_ worker: Worker, _ actions: inout Actions) {
        if worker.state == .starting { startingCount -= 1 }
        if worker.state == .stopping { timedCount -= 1 }
        worker.state = .doomed
        worker.lookAt = .max
        idle.removeAll { $0 == worker.id }
        actions.append(.killWorker(worker.id))
    }
}
