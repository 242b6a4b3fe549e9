import ConcurrentFutures

// What the simulated workers do, and what is done to them.

extension PoolSimulation {
    /// A worker does the next thing that it can.
    mutating func work(_ id: WorkerID) {
        guard workers[id]!.isReady else {
            workers[id]!.isReady = true
            workers[id]!.replies.append(.ready)
            return
        }
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
            records[frame.task]!.starts += 1
        } else if frame.itemCount > 1 {
            workOnBatch(id, frame)
        } else {
            workers[id]!.answered += 1
            workers[id]!.replies.append(
                .finished(frame.task, late: lateness(of: frame.task, since: workers[id]!.startedAt))
            )
        }
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
            workers[id]!.answered += 1
            workers[id]!.replies.append(.finished(frame.task, late: nil))
            return
        }
        let late = lateness(of: frame.task, since: workers[id]!.startedAt)
        if late != nil || (workers[id]!.wasAskedToStop == frame.task && chance(2, in: 3)) {
            workers[id]!.wasAskedToStop = nil
            workers[id]!.answered += 1
            workers[id]!.replies.append(.stoppedItem(frame.task, late: late))
        } else {
            workers[id]!.frames[index].itemsDone += 1
            workers[id]!.startedAt = clock
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
            machine.workerReady(id, actions: &actions)
        case .passedOver:
            forgetFrame(of: id)
            precondition(machine.passedOver(by: id, actions: &actions), "a worker may pass over what was taken back")
        case .item(let task):
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
        let asks = records[task]!.limits?.retry?.retriesError != nil
        let isInQuestion = asks && machine.hasAttemptsLeft(task) && chance(1, in: 2)
        if isInQuestion { inQuestion.append(task) } else { end(task, .finished) }
        machine.finished(by: id, isInQuestion: isInQuestion, actions: &actions)
    }

    private mutating func giveUp(_ task: TaskID, _ id: WorkerID, _ fate: PoolStateMachine.Fate) {
        note(fate, task)
        machine.gaveUp(by: id, fate, continues: records[task]!.itemCount > 1 && chance(1, in: 2), actions: &actions)
    }

    private mutating func note(_ fate: PoolStateMachine.Fate, _ task: TaskID) {
        if case .failed(isTimeout: true, _) = fate {
            precondition(records[task]!.limits?.timeoutNanoseconds ?? 0 != 0, "only what has a timeout runs too long")
            records[task]!.hasTimedOut = true
        }
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
            note(fate, frame.task)
            if isKeepersFault || fate == .innocent { records[frame.task]!.pardons += 1 }
            if fate == .innocent { precondition(frame.itemCount > 1, "a single call is never run twice without need") }
            records[frame.task]!.mayCrash = true
            continues = frame.itemCount > 1 && chance(1, in: 2)
            victim = fate
        }
        if victim == nil, !worker.isKilled, !worker.mustStop { mayBreak = true }
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
            checkHarmless(id)
            if chance(1, in: 2), !workers[id]!.isFrozen { workers[id]!.isKilled = true }
        case .killWorker(let id):
            checkHarmless(id)
            workers[id]!.isKilled = true
            // Nothing it could do now would be seen. What it has said is.
            workers[id]!.isFrozen = workers[id]!.isFrozen && isTerminated
        case .stopWorker(let id): workers[id]!.mustStop = true
        case .abandonWorkers:
            precondition(isTerminated, "workers are given up only in haste")
            abandonWorkers()
        case .complete(let task, let ending): complete(task, ending)
        case .stopped:
            hasStopped = true
        }
    }

    private mutating func askToStop(_ id: WorkerID, onlyItem: Bool) {
        let worker = workers[id]!
        guard let task = worker.current?.task, task == machine.oldestTask(of: id) else { return }
        // The pool means the item that it takes to be at work; a worker that has gone on does not obey.
        if !onlyItem || worker.replies.isEmpty { workers[id]!.wasAskedToStop = task }
    }

    private mutating func abandonWorkers() {
        for id in workers.keys.sorted() {
            workers[id]!.isKilled = true
            workers[id]!.isFrozen = false
        }
    }

    /// Nothing is done to a process that is at work on something that nobody wants to stop.
    private func checkHarmless(_ id: WorkerID) {
        let worker = workers[id]!
        guard let frame = worker.current, frame.isStarted, worker.replies.isEmpty else { return }
        let record = records[frame.task]!
        let isLate = record.limits.map { limits in
            let timeout = limits.timeoutNanoseconds
            return timeout != 0 && clock >= worker.startedAt + timeout
                || limits.deadlineInstant != 0 && clock >= limits.deadlineInstant
        }
        precondition(
            record.isCancelled || isLate == true || frame.itemCount > 1,
            "only what is to stop is stopped"
        )
    }

    private mutating func send(_ task: TaskID, to id: WorkerID) {
        precondition(workers[id]!.isReady && !workers[id]!.mustStop, "tasks go to workers that can take them")
        precondition(!workers[id]!.isKilled || workers[id]!.isFrozen, "tasks do not go to workers that were killed")
        if chance(1, in: 200) {
            machine.sendFailed(task, to: id, actions: &actions)
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

    private mutating func complete(_ task: TaskID, _ ending: PoolStateMachine.Ending) {
        let record = records[task]
        switch ending {
        case .cancelled:
            precondition(record!.isCancelled || cancelsPending, "only what was cancelled ends so")
            end(task, .cancelled)
        case .crashed:
            precondition(record!.mayCrash, "only what ran in a dying worker crashes")
            checkAttempts(record!)
            end(task, .crashed)
        case .timedOut(.timeout):
            precondition(record!.hasTimedOut, "only what ran too long ends so")
            checkAttempts(record!)
            end(task, .ranTooLong)
        case .timedOut(let limit):
            end(task, limit == .deadline ? .missedDeadlineRunning : .missedDeadlineWaiting)
        case .broken:
            precondition(mayBreak, "a pool breaks only if workers do")
            end(task, .broken)
        case .shutDown:
            precondition(isShutDown, "only after a shutdown")
            end(task, .shutDown)
        case .unsendable: end(task, .unsendable)
        case .judged: end(task, .finished)
        }
    }

    /// A single call is run as often as its policy says and no more, if it fails in the end.
    private func checkAttempts(_ record: TaskRecord) {
        guard record.itemCount == 1 else { return }
        let most = record.limits?.retry?.maxAttempts ?? 1
        precondition(record.starts <= most + record.pardons, "a task was run too often")
    }

    private mutating func end(_ task: TaskID, _ fate: Fate) {
        precondition(fates.updateValue(fate, forKey: task) == nil, "each task ends once")
    }
}
