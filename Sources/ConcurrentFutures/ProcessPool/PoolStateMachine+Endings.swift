// How tasks end and are tried again, how workers end, and how the pool does.

extension PoolStateMachine {
    /// What becomes of a task whose worker has stopped working on it without a result that is to be told.
    package enum Fate: Equatable {
        /// It had nothing to do with that: it goes on elsewhere.
        case innocent
        case ends(Ending)
        /// The attempt at it, or at a batch's current item, has failed.
        case failed(isTimeout: Bool, isRunAgain: Bool)
    }

    // MARK: Results

    /// What becomes of the oldest task of a worker, which has ended with a result; `nil` if the result is to be told.
    ///
    /// - Parameters:
    ///   - isBatch: whether that is the end of a batch, whose items' results have been told.
    ///   - late: the limit of time that it had exceeded.
    package mutating func fateOfResult(by id: WorkerID, isBatch: Bool, late: TimeLimit? = nil) -> Fate? {
        guard let worker = workers[id] else { return nil }
        return fateOfResult(by: worker, isBatch: isBatch, late: late)
    }

    /// The same of a worker that is at hand.
    mutating func fateOfResult(by worker: Worker, isBatch: Bool, late: TimeLimit?) -> Fate? {
        guard let task = worker.inFlight.first?.task else { return nil }
        if tasks[task]!.stop == nil, late == nil, isBatch || worker.ladder?.isTimeout != true { return nil }
        return fate(of: task, on: worker, late: late)
    }

    /// The oldest task of a worker has ended with a result that is to be told.
    ///
    /// - Parameter isInQuestion: whether it may be run again, which ``judged(_:isRunAgain:actions:)`` will tell.
    package mutating func finished(by id: WorkerID, isInQuestion: Bool, actions: inout Actions) {
        finished(by: workers[id]!, isInQuestion: isInQuestion, actions: &actions)
    }

    /// The same of a worker that is at hand.
    mutating func finished(by worker: Worker, isInQuestion: Bool, actions: inout Actions) {
        let task = worker.inFlight.first!.task!
        oldestLeaves(worker, &actions)
        if isInQuestion {
            tasks[task]!.state = .inQuestion
        } else {
            remove(task)
        }
        becomeFree(worker, &actions)
        settle(&actions)
    }

    /// The worker has stopped working on its oldest task, without a result that is to be told; what it may have left is given back.
    ///
    /// - Parameter continues: whether the task has more to do although this attempt has failed for good: a batch loses one item.
    package mutating func gaveUp(by id: WorkerID, _ fate: Fate, continues: Bool, actions: inout Actions) {
        let worker = workers[id]!
        let task = worker.inFlight.first!.task!
        oldestLeaves(worker, &actions)
        meet(fate, task, continues: continues, isNobodysFault: false, &actions)
        becomeFree(worker, &actions)
        settle(&actions)
    }

    /// A batch's current item has ended with a result that is to be told, and the worker has gone on to the next one.
    package mutating func itemFinished(by id: WorkerID, actions: inout Actions) {
        let worker = workers[id]!
        let task = worker.inFlight.first!.task!
        tasks[task]!.attempt = 1
        // Only that item was to be stopped.
        if worker.ladder?.isTimeout == true { endLadder(of: worker, &actions) }
        oldestChanged(worker, &actions)
        if worker.ladder == nil { becomeFree(worker, &actions) }
    }

    /// Whether a task that has thrown an error may be run again, if its policy says so.
    package func hasAttemptsLeft(_ task: TaskID) -> Bool {
        guard let record = tasks[task], let policy = record.limits?.retry, !cancelsPending else { return false }
        return record.attempt < policy.maxAttempts && record.stop == nil
    }

    /// Whether a task is run again that has ended with an error has been decided.
    package mutating func judged(_ task: TaskID, isRunAgain: Bool, actions: inout Actions) {
        guard tasks[task]?.state == .inQuestion else { return }
        if isRunAgain {
            meet(.failed(isTimeout: false, isRunAgain: true), task, continues: false, isNobodysFault: false, &actions)
            dispatch(&actions)
        } else {
            complete(task, .judged, &actions)
        }
        settle(&actions)
    }

    // MARK: Workers

    /// What becomes of the oldest task of a worker that has ended while it was running that.
    ///
    /// - Parameter late: the limit of time that it had exceeded, if the worker could say so.
    package func fateOfVictim(of id: WorkerID, isKeepersFault: Bool, late: TimeLimit? = nil) -> Fate {
        guard let worker = workers[id], let task = worker.oldest else { return .innocent }
        return fate(of: task, on: worker, isKeepersFault: isKeepersFault, late: late)
    }

    /// A worker has ended, or could not be started.
    ///
    /// - Parameters:
    ///   - victim: what becomes of the oldest task that it held; `nil` if it was not running it.
    ///   - continues: as for ``gaveUp(by:_:continues:actions:)``.
    ///   - isKeepersFault: whether it only went because its keeper went.
    package mutating func workerEnded(
        _ id: WorkerID,
        victim: Fate?,
        continues: Bool,
        isKeepersFault: Bool,
        actions: inout Actions
    ) {
        guard let worker = workers.remove(id) else { return }
        idle.removeAll { $0 == id }
        if worker.state == .starting { startingCount -= 1 }
        if worker.state == .stopping { timedCount -= 1 }
        if worker.ladder != nil { timedCount -= 1 }
        var innocent: [TaskID] = worker.inFlight.compactMap(\.task)
        if let victim, let task = innocent.first {
            deathsInVain = 0
            innocent.removeFirst()
            for task in innocent.reversed() { requeue(task, &actions) }
            meet(victim, task, continues: continues, isNobodysFault: isKeepersFault, &actions)
        } else {
            let isInVain = worker.state == .starting || (worker.state == .ready && !innocent.isEmpty)
            if isInVain, !isKeepersFault { diedInVain(&actions) }
            for task in innocent.reversed() { requeue(task, &actions) }
        }
        if workers.count == 0 {
            startBackoff.cutShort()
            if !canStartWorkers || deathsInVain >= Self.mostDeathsInVain { breakDown(&actions) }
        }
        // What kills a worker that has nothing to do may kill the next one, too: until there is work none is started in its place.
        let diedIdle = worker.state == .ready && worker.finishedCount == 0 && worker.inFlight.isEmpty
        if !diedIdle { keepMinimum(&actions) }
        dispatch(&actions)
        settle(&actions)
    }

    private mutating func diedInVain(_ actions: inout Actions) {
        if workers.count == 0 {
            deathsInVain += 1
        } else if startBackoff.failed(at: now) {
            actions.append(.tellShortage)
        }
    }

    /// No worker can ever be started, for a reason that the driver knows.
    package mutating func cannotStartWorkers(actions: inout Actions) {
        canStartWorkers = false
        if workers.count == 0 { breakDown(&actions) }
        settle(&actions)
    }

    /// The pool's initializer failed in a worker, and would in each: whatever waits fails now, also while other workers live. They end
    /// what they have begun.
    package mutating func initializerFailed(actions: inout Actions) {
        canStartWorkers = false
        breakDown(&actions)
        for (id, worker) in workers.elements {
            if worker.state == .starting {
                dismiss(worker, &actions)
                continue
            }
            revoke(worker.inFlight.compactMap(\.task).filter { tasks[$0]!.stop == nil }, from: id, &actions)
        }
        settle(&actions)
    }

    // MARK: The end

    /// Nothing more comes in; what has come in is done, unless it is cancelled.
    ///
    /// - Parameter cancelPending: whether the tasks that do not run yet are cancelled.
    package mutating func shutDown(cancelPending: Bool, actions: inout Actions) {
        isShutDown = true
        if cancelPending {
            cancelsPending = true
            for (task, record) in tasks.elements {
                switch record.state {
                case .queued, .waiting: stop(task, .cancelled, &actions)
                case .inQuestion: tasks[task]!.isUnwanted = true
                case .inFlight(let id):
                    guard record.stop == nil else { continue }
                    tasks[task]!.isUnwanted = true
                    actions.append(.revoke(task, from: id))
                }
            }
        }
        settle(&actions)
    }

    /// Nothing more comes in, and whatever has not ended is cancelled, whether it runs or not. All has ended soon after the grace period.
    package mutating func terminate(gracePeriod: UInt64, actions: inout Actions) {
        isShutDown = true
        isTerminated = true
        configuration.gracePeriod = min(configuration.gracePeriod, gracePeriod)
        abandonAt = min(abandonAt, now + configuration.gracePeriod + Self.timeToAbandon)
        for (id, worker) in workers.elements {
            guard let ladder = worker.ladder else { continue }
            workers[id]!.ladder!.gracePeriod = min(ladder.gracePeriod, now - ladder.start + configuration.gracePeriod)
        }
        for (task, _) in tasks.elements { stop(task, .cancelled, &actions) }
        settle(&actions)
    }

    /// Workers that were killed are gone at once, unless their keeper does not answer any more.
    private static let timeToAbandon: UInt64 = 2_000_000_000

    /// Lets the workers go once there is nothing left for them to do.
    mutating func settle(_ actions: inout Actions) {
        guard isShutDown, life != .stopped, tasks.count == 0 else { return }
        for (_, worker) in workers.elements {
            switch worker.state {
            case .ready: letGo(worker, &actions)
            case .starting: doom(worker, &actions)
            case .stopping, .doomed: break
            }
        }
        if workers.count == 0 {
            life = .stopped
            abandonAt = .max
            actions.append(.stopped)
        }
    }

    private mutating func breakDown(_ actions: inout Actions) {
        guard life == .open else { return }
        life = .broken
        for (task, record) in tasks.elements {
            switch record.state {
            case .queued, .waiting: complete(task, .broken, &actions)
            case .inFlight, .inQuestion: break
            }
        }
        backlog.removeAll()
        backlogCount = 0
    }

    // MARK: Decisions

    mutating func complete(_ task: TaskID, _ ending: Ending, _ actions: inout Actions) {
        remove(task)
        actions.append(.complete(task, ending))
    }

    private mutating func remove(_ task: TaskID) {
        if tasks.remove(task)?.limits != nil { timedCount -= 1 }
    }

    /// A worker's oldest task is in its channel no more.
    private mutating func oldestLeaves(_ worker: Worker, _ actions: inout Actions) {
        removeOldest(of: worker)
        worker.finishedCount += 1
        worker.finishedLately += 1
        deathsInVain = 0
        if worker.ladder != nil { endLadder(of: worker, &actions) }
        oldestChanged(worker, &actions)
    }

    private func fate(
        of task: TaskID,
        on worker: Worker,
        isKeepersFault: Bool = false,
        late: TimeLimit?
    ) -> Fate {
        let record = tasks[task]!
        switch record.stop {
        case .cancelled: return .ends(.cancelled)
        case .deadline: return .ends(.timedOut(.deadline))
        case nil: break
        }
        if late == .deadline { return .ends(.timedOut(.deadline)) }
        // It began after the one because of which the worker was killed had ended.
        if worker.ladder == nil, worker.state == .doomed, !isKeepersFault, late == nil { return .innocent }
        let isTimeout = late != nil || worker.ladder?.isTimeout == true
        guard let policy = record.limits?.retry, !cancelsPending,
            policy.failures.contains(isTimeout ? .timeout : .crash)
        else {
            return .failed(isTimeout: isTimeout, isRunAgain: false)
        }
        let counts = isTimeout || !isKeepersFault
        return .failed(isTimeout: isTimeout, isRunAgain: !counts || record.attempt < policy.maxAttempts)
    }

    private mutating func meet(
        _ fate: Fate,
        _ task: TaskID,
        continues: Bool,
        isNobodysFault: Bool,
        _ actions: inout Actions
    ) {
        switch fate {
        case .innocent:
            requeue(task, &actions)
        case .ends(let ending):
            complete(task, ending, &actions)
        case .failed(let isTimeout, isRunAgain: false):
            tasks[task]!.attempt = 1
            if continues {
                requeue(task, &actions)
            } else {
                complete(task, isTimeout ? .timedOut(.timeout) : .crashed, &actions)
            }
        case .failed(let isTimeout, isRunAgain: true):
            if isNobodysFault, !isTimeout { return requeue(task, &actions) }
            let delay = tasks[task]!.limits?.retry?.delay(afterAttempt: tasks[task]!.attempt) ?? 0
            tasks[task]!.attempt += 1
            guard delay > 0, life == .open, !tasks[task]!.isUnwanted else { return requeue(task, &actions) }
            tasks[task]!.state = .waiting(until: now + delay)
            addTimer(now + delay, task)
        }
    }
}
