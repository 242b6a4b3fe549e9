import ConcurrentFutures

// What the simulated workers do, and what is done to them.

extension PoolSimulation {
    /// A worker does the next thing that it can.
    mutating func work(_ id: WorkerID) {
        guard workers[id]!.isReachable else {
            workers[id]!.isReachable = true
            machine.workerReachable(id, actions: &actions)
            return settle()
        }
        guard workers[id]!.isReady else {
            if chance(1, in: 10) { return postponeStart(of: id) }
            workers[id]!.isReady = true
            workers[id]!.replies.append(.ready)
            return
        }
        if workers[id]!.hasRunLast { return die(id) }
        guard let frame = workers[id]!.current else {
            if workers[id]!.mustStop { die(id) }
            return
        }
        let index = workers[id]!.answered
        if frame.isRevoked {
            workers[id]!.answered += 1
            workers[id]!.replies.append(.passedOver)
        } else if !frame.isStarted {
            workers[id]!.frames[index].isStarted = true
            workers[id]!.startedAt = clock
            noteStart(of: frame.task)
        } else if frame.itemCount > 1 {
            workOnBatch(id, frame)
        } else {
            answer(id, .finished(frame.task, late: lateness(of: frame.task, since: workers[id]!.startedAt)))
        }
    }

    /// A worker ends its current task.
    private mutating func answer(_ id: WorkerID, _ reply: SimulatedWorker.Reply) {
        workers[id]!.answered += 1
        workers[id]!.replies.append(reply)
        workers[id]!.hasRunLast = configuration.maxTasksPerWorker == 1
    }

    /// There was no room for its process.
    private mutating func postponeStart(of id: WorkerID) {
        workers[id]!.isReachable = false
        workers[id]!.frames = []
        machine.startPostponed(id, actions: &actions)
        settle()
    }

    /// Which limit of time a call has exceeded, as its worker knows.
    private func lateness(of task: TaskID, since start: UInt64) -> PoolStateMachine.TimeLimit? {
        guard let limits = records[task]!.limits else { return nil }
        if limits.deadlineInstant != 0, clock >= limits.deadlineInstant { return .deadline }
        return limits.timeoutNanoseconds != 0 && clock >= start + limits.timeoutNanoseconds ? .timeout : nil
    }

    private mutating func workOnBatch(_ id: WorkerID, _ frame: SimulatedWorker.Frame) {
        let index = workers[id]!.answered
        if frame.itemsDone == frame.itemCount {
            workers[id]!.wasAskedToStop = nil
            return answer(id, .finished(frame.task, late: nil))
        }
        let late = lateness(of: frame.task, since: workers[id]!.startedAt)
        if late != nil || (workers[id]!.wasAskedToStop == frame.task && chance(2, in: 3)) {
            workers[id]!.wasAskedToStop = nil
            answer(id, .stoppedItem(frame.task, late: late))
        } else {
            workers[id]!.frames[index].itemsDone += 1
            workers[id]!.startedAt = clock
            records[frame.task]!.startedAt = clock
            // A request to stop is about one item.
            workers[id]!.wasAskedToStop = nil
            workers[id]!.replies.append(.item(frame.task))
        }
    }

    mutating func deliverAll(from id: WorkerID) {
        while workers[id]?.replies.isEmpty == false { deliver(from: id) }
    }

    /// The host reads the next reply of a worker.
    mutating func deliver(from id: WorkerID) {
        workers[id]!.heardAt = clock
        switch workers[id]!.replies.removeFirst() {
        case .ready:
            isProbing = false
            machine.workerReady(id, actions: &actions)
        case .passedOver:
            forgetFrame(of: id)
            precondition(machine.passedOver(by: id, actions: &actions), "a worker may pass over what was taken back")
        case .item(let task):
            records[task]!.failures = 0
            if records[task]!.limits != nil { machine.itemFinished(by: id, actions: &actions) }
        case .stoppedItem(let task, let late):
            precondition(late != nil || machine.isStopping(id), "only who was asked to stop does")
            forgetFrame(of: id)
            giveUp(task, id, machine.fateOfVictim(of: id, isKeepersFault: false, late: late))
        case .finished(let task, let late):
            precondition(machine.oldestTask(of: id) == task, "what ends is what ran")
            forgetFrame(of: id)
            finish(task, id, late)
        }
        settle()
    }

    private mutating func forgetFrame(of id: WorkerID) {
        workers[id]!.frames.removeFirst()
        workers[id]!.answered -= 1
    }

    private mutating func finish(_ task: TaskID, _ id: WorkerID, _ late: PoolStateMachine.TimeLimit?) {
        let isBatch = records[task]!.itemCount > 1
        if let fate = machine.fateOfResult(by: id, isBatch: isBatch, late: late) { return giveUp(task, id, fate) }
        precondition(!records[task]!.isCancelled, "a result is not told after a cancellation")
        precondition(late == nil, "a late result is not told")
        deathsInVain = 0
        let asks = records[task]!.limits?.retry?.retriesError != nil
        precondition(
            !asks || machine.hasAttemptsLeft(task) == hasAttemptsLeft(records[task]!),
            "attempts are counted"
        )
        let isInQuestion = asks && machine.hasAttemptsLeft(task) && chance(1, in: 2)
        records[task]!.wasInQuestion = isInQuestion
        if isInQuestion { inQuestion.append(task) } else { end(task, .finished) }
        machine.finished(by: id, isInQuestion: isInQuestion, actions: &actions)
    }

    private mutating func giveUp(_ task: TaskID, _ id: WorkerID, _ fate: PoolStateMachine.Fate) {
        deathsInVain = 0
        let continues = records[task]!.itemCount > 1 && chance(1, in: 2)
        precondition(fate != .innocent, "nobody but the dead gives up what it was not to stop")
        note(fate, task, continues: continues, isKeepersFault: false)
        machine.gaveUp(by: id, fate, continues: continues, actions: &actions)
    }

    mutating func die(_ id: WorkerID) {
        // What it had said counts.
        deliverAll(from: id)
        guard let worker = workers.removeValue(forKey: id) else { return }
        let isKeepersFault = chance(1, in: 4)
        var victim: PoolStateMachine.Fate?
        var continues = false
        if let frame = worker.current, frame.isStarted, !frame.isRevoked {
            let fate = machine.fateOfVictim(of: id, isKeepersFault: isKeepersFault)
            continues = frame.itemCount > 1 && chance(1, in: 2)
            note(fate, frame.task, continues: continues, isKeepersFault: isKeepersFault)
            if case .failed(isTimeout: false, _) = fate, frame.itemCount == 1, !isKeepersFault {
                precondition(!worker.wasTerminated, "who was ended because it ran too long has not crashed")
            }
            victim = fate
        }
        noteDeath(of: worker, isInVain: victim == nil, isKeepersFault: isKeepersFault)
        machine.workerEnded(
            id,
            victim: victim,
            continues: continues,
            isKeepersFault: isKeepersFault,
            actions: &actions
        )
        settle()
    }

    // MARK: Actions

    mutating func carryOut(_ action: PoolStateMachine.Action) {
        switch action {
        case .startWorker(let id):
            checkThatWorkersMayStart()
            precondition(
                workers.updateValue(SimulatedWorker(), forKey: id) == nil,
                "a worker's number is never used twice"
            )
        case .send(let task, let id): send(task, to: id)
        case .revoke(let task, let id): revoke(task, from: id)
        case .lookAtStart(let id):
            guard let index = machine.oldestPlace(of: id), index < workers[id]!.frames.count else { return }
            let isStarted = workers[id]!.frames[index].isStarted
            machine.observedStart(by: id, at: isStarted ? workers[id]!.startedAt : nil, actions: &actions)
        case .lookWhetherBegun(let id):
            if let index = machine.oldestPlace(of: id), index < workers[id]!.frames.count,
                workers[id]!.frames[index].isStarted
            {
                return
            }
            machine.hasNotBegun(id, actions: &actions)
        case .climb(let id): machine.climb(id, actions: &actions)
        case .askToStop(let id, let onlyItem): askToStop(id, onlyItem: onlyItem)
        case .terminateWorker(let id):
            checkTermination(of: id)
            workers[id]!.wasTerminated = true
            if chance(1, in: 2), !workers[id]!.isFrozen { workers[id]!.isKilled = true }
        case .killWorker(let id):
            checkKill(of: id)
            workers[id]!.isKilled = true
            workers[id]!.wasKilled = true
            // Nothing it could do now would be seen. What it has said is.
            workers[id]!.isFrozen = workers[id]!.isFrozen && isTerminated
        case .stopWorker(let id):
            precondition(workers[id]!.hasNothingToDo, "only who has nothing to do is let go")
            workers[id]!.mustStop = true
        case .abandonWorkers:
            precondition(isTerminated, "workers are given up only in haste")
            abandonWorkers()
        case .tellShortage:
            precondition(!workers.isEmpty, "a pool without workers does not work on")
        case .complete(let task, let ending):
            check(ending, of: task)
            end(task, Fate(ending))
        case .stopped:
            hasStopped = true
        }
    }

    private mutating func askToStop(_ id: WorkerID, onlyItem: Bool) {
        guard let index = machine.oldestPlace(of: id), index < workers[id]!.frames.count else { return }
        let task = workers[id]!.frames[index].task
        workers[id]!.askedAbout = task
        let worker = workers[id]!
        guard worker.current?.task == task else { return }
        // The pool means the item that it takes to be at work; a worker that has gone on does not obey.
        if !onlyItem || worker.replies.isEmpty { workers[id]!.wasAskedToStop = task }
    }

    private mutating func abandonWorkers() {
        for id in workers.keys.sorted() {
            workers[id]!.isKilled = true
            workers[id]!.isFrozen = false
        }
    }

    private mutating func send(_ task: TaskID, to id: WorkerID) {
        let isFirst = configuration.maxTasksPerWorker == 1 && workers[id]!.frames.isEmpty
        precondition(workers[id]!.isReady || isFirst, "tasks go to workers that stand ready, or will run nothing else")
        precondition(
            workers[id]!.isReachable && !workers[id]!.mustStop && !workers[id]!.hasRunLast,
            "tasks go to workers that can take them"
        )
        precondition(!workers[id]!.isKilled || workers[id]!.isFrozen, "tasks do not go to workers that were killed")
        precondition(clock >= records[task]!.notBefore, "a task waits before it is run again")
        if chance(1, in: 200) {
            records[task]!.couldNotBeSent = true
            machine.sendFailed(task, to: id, isShortage: chance(1, in: 2), actions: &actions)
        } else {
            workers[id]!.frames.append(.init(task: task, itemCount: records[task]!.itemCount, itemsDone: 0))
        }
    }

    private mutating func revoke(_ task: TaskID, from id: WorkerID) {
        guard let index = machine.revocation(of: task, from: id, actions: &actions) else { return }
        guard index < workers[id]!.frames.count else { return actions.append(.revoke(task, from: id)) }
        precondition(workers[id]!.frames[index].task == task, "what is taken back is where it is said to be")
        if workers[id]!.frames[index].isStarted || workers[id]!.frames[index].isRevoked {
            machine.revokeCameTooLate(task, actions: &actions)
        } else {
            workers[id]!.frames[index].isRevoked = true
            machine.revoked(task, actions: &actions)
        }
    }

    private mutating func end(_ task: TaskID, _ fate: Fate) {
        precondition(fates.updateValue(fate, forKey: task) == nil, "each task ends once")
    }
}
