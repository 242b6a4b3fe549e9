// Stopping what runs: cancelling, limits of time, and the ladder from asking to killing.

extension PoolStateMachine {
    /// How far the stopping of a worker's oldest task has come.
    ///
    /// While there is one the worker holds nothing but that task, so that no other is harmed by what is done to the process: what was
    /// behind it has been taken back, and nothing is sent.
    struct Ladder {
        enum Step { case beginning, asked, terminated, killed }

        /// Whether the task, or a batch's item, runs longer than it may; if not, the task says itself why it is to stop.
        let isTimeout: Bool
        let start: UInt64
        var gracePeriod: UInt64
        var step = Step.beginning

        /// When the next step is due.
        var next: UInt64 {
            switch step {
            case .beginning: start
            case .asked: start + gracePeriod / 2
            case .terminated: start + gracePeriod
            case .killed: .max
            }
        }
    }

    // MARK: Events

    /// Somebody wants the task not to run, or its result not to be told.
    ///
    /// - Returns: whether there is such a task.
    package mutating func cancel(_ task: TaskID, actions: inout Actions) -> Bool {
        guard tasks[task] != nil else { return false }
        stop(task, .cancelled, &actions)
        settle(&actions)
        return true
    }

    /// When ``timePassed(actions:)`` is to be called next; `nil` for never.
    package var nextTime: UInt64? {
        mutating get { needsTime ? nextOfAllTimes() : beginningsCheck.time }
    }

    private mutating func nextOfAllTimes() -> UInt64? {
        var next = min(timers.next ?? .max, abandonAt, beginningsCheck.time ?? .max, startBackoff.end ?? .max)
        for (_, worker) in workers.elements { next = min(next, worker.ladder?.next ?? worker.lookAt) }
        if let timeout = configuration.idleTimeout, let first = idle.first, hasWorkersToSpare {
            next = min(next, workers[first]!.idleSince + timeout)
        }
        return next == .max ? nil : next
    }

    /// The time is ``now``.
    package mutating func timePassed(actions: inout Actions) {
        while let due = timers.popDue(at: now) {
            guard let task = tasks[due.task], Self.means(due, task) else { continue }
            if case .waiting(until: due.time) = task.state {
                requeue(due.task, &actions)
            } else {
                stop(due.task, .deadline, &actions)
            }
        }
        for (id, worker) in workers.elements {
            if let ladder = worker.ladder {
                if ladder.next <= now { climb(id, actions: &actions) }
            } else if worker.lookAt <= now {
                if worker.state == .stopping {
                    doom(worker, &actions)
                } else {
                    actions.append(.lookAtStart(by: id))
                }
            }
        }
        checkBeginnings(&actions)
        if startBackoff.timePassed(now: now) { keepMinimum(&actions) }
        if abandonAt <= now {
            abandonAt = .max
            actions.append(.abandonWorkers)
        }
        dispatch(&actions)
        // Whoever has just been given something is not idle, and whoever has just been started makes another one spare.
        if let timeout = configuration.idleTimeout {
            while let first = idle.first, hasWorkersToSpare, workers[first]!.idleSince + timeout <= now {
                letGo(workers[first]!, &actions)
            }
        }
        settle(&actions)
    }

    /// Tells when a worker began its oldest task, or a batch's current item.
    ///
    /// - Parameter start: what the worker says; `nil` if it has not begun.
    package mutating func observedStart(by id: WorkerID, at start: UInt64?, actions: inout Actions) {
        guard let worker = workers[id], worker.ladder == nil, let task = worker.oldest else { return }
        let timeout = tasks[task]!.timeout
        guard timeout != 0 else { return }
        guard let start else {
            worker.lookAt = now + timeout
            return
        }
        // It cannot have begun before it was sent, nor later than now.
        let begunAt = worker.begunAt ?? min(max(start, worker.busySince), now)
        worker.begunAt = begunAt
        let end = begunAt + timeout
        if end <= now {
            beginLadder(of: worker, isTimeout: true, &actions)
        } else {
            worker.lookAt = end
        }
    }

    /// The next step of a worker's ladder is taken, if it is due.
    package mutating func climb(_ id: WorkerID, actions: inout Actions) {
        guard let worker = workers[id], let ladder = worker.ladder, ladder.step != .killed else { return }
        if now >= ladder.start + ladder.gracePeriod {
            worker.ladder!.step = .killed
            doom(worker, &actions)
        } else if ladder.step != .terminated, now >= ladder.start + ladder.gracePeriod / 2 {
            worker.ladder!.step = .terminated
            actions.append(.terminateWorker(id))
        } else if ladder.step == .beginning {
            worker.ladder!.step = .asked
            actions.append(.askToStop(id, onlyItem: ladder.isTimeout))
        }
    }

    // MARK: Decisions

    mutating func stop(_ task: TaskID, _ reason: Task.StopReason, _ actions: inout Actions) {
        let before = tasks[task]!.stop
        // Who cancels has been promised a cancellation, whatever else there is to say.
        if before != .cancelled { tasks[task]!.stop = reason }
        switch tasks[task]!.state {
        case .queued:
            backlogCount -= 1
            complete(task, reason == .cancelled ? .cancelled : .timedOut(.deadlineBeforeStart), &actions)
        case .waiting:
            complete(task, reason == .cancelled ? .cancelled : .timedOut(.deadlineBeforeStart), &actions)
        case .inQuestion:
            // It had ended before its deadline, and is not run again after that.
            complete(task, reason == .cancelled ? .cancelled : .judged, &actions)
        case .inFlight(let id):
            if before == nil { actions.append(.revoke(task, from: id)) }
        }
    }

    /// Another task of a worker's is the oldest now.
    mutating func oldestChanged(_ worker: Worker, _ actions: inout Actions) {
        guard worker.state == .ready else { return }
        worker.busySince = now
        worker.begunAt = nil
        worker.lookAt = .max
        wantBeginningsCheck(of: worker)
        guard let oldest = worker.oldest else { return }
        if let timeout = tasks[oldest]?.limits?.timeoutNanoseconds, timeout != 0 { worker.lookAt = now + timeout }
        if tasks[oldest]?.stop != nil, tasks[oldest]?.isKnownStarted == true {
            beginLadder(of: worker, isTimeout: false, &actions)
        }
    }

    mutating func beginLadder(of worker: Worker, isTimeout: Bool, _ actions: inout Actions) {
        guard worker.state == .ready, worker.ladder == nil else { return }
        worker.ladder = Ladder(isTimeout: isTimeout, start: now, gracePeriod: configuration.gracePeriod)
        timedCount += 1
        revokeAllButOldest(of: worker, &actions)
        actions.append(.climb(worker.id))
    }

    /// A worker's oldest task has ended, or is not to be stopped after all.
    mutating func endLadder(of worker: Worker, _ actions: inout Actions) {
        guard let ladder = worker.ladder else { return }
        worker.ladder = nil
        timedCount -= 1
        // What the signal does to the process is not known, so it is given nothing more.
        if ladder.step == .terminated { doom(worker, &actions) }
    }

    mutating func addTimer(_ time: UInt64, _ task: TaskID) {
        timers.add(TaskTimers.Timer(time: time, task: task))
        guard timers.areMany else { return }
        let tasks = tasks
        timers.compact { Self.means($0, tasks[$0.task]) }
    }

    private static func means(_ timer: TaskTimers.Timer, _ task: Task?) -> Bool {
        guard let task else { return false }
        return task.deadline == timer.time || task.state == .waiting(until: timer.time)
    }

    private var hasWorkersToSpare: Bool {
        workers.elements.count { $0.element.isActive } > configuration.minWorkers
    }
}
