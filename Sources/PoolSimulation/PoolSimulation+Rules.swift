import ConcurrentFutures

// What the pool may decide. The rules are told here once more, from what the simulation has seen, and not taken from the state machine.

extension PoolSimulation {
    // MARK: Attempts

    mutating func noteStart(of task: TaskID) {
        records[task]!.starts += 1
        records[task]!.startedAt = clock
        precondition(records[task]!.starts <= records[task]!.licences, "a task is begun again without a reason")
    }

    mutating func noteCancelled(_ task: TaskID) {
        if records[task]!.cancelledAt == nil { records[task]!.cancelledAt = clock }
    }

    /// What a task has thrown is a reason to run it again.
    mutating func noteRetry(_ task: TaskID) {
        records[task]!.failures += 1
        records[task]!.licences += 1
        records[task]!.notBefore = clock + records[task]!.backoff
    }

    /// An attempt at a task has ended without a result that is told, and the state machine says what becomes of the task.
    mutating func note(_ fate: PoolStateMachine.Fate, _ task: TaskID, continues: Bool, isKeepersFault: Bool) {
        let record = records[task]!
        switch fate {
        case .innocent:
            precondition(record.itemCount > 1, "a single call is never run twice without need")
            records[task]!.licences += 1
        case .ends(let ending):
            precondition(ending == .cancelled || ending == .timedOut(.deadline), "what ends so was begun")
        case .failed(let isTimeout, let isRunAgain):
            if isTimeout {
                let timeout = record.limits?.timeoutNanoseconds ?? 0
                precondition(
                    timeout != 0 && clock >= record.startedAt + timeout,
                    "only what has a timeout and has run that long runs too long"
                )
            }
            let counts = isTimeout || !isKeepersFault
            let isForgiven =
                record.limits?.retry?.failures.contains(isTimeout ? .timeout : .crash) == true && !cancelsPending
            precondition(
                isRunAgain == (isForgiven && (!counts || hasAttemptsLeft(record))),
                "a task has as many attempts as its policy says"
            )
            if isRunAgain {
                records[task]!.licences += 1
                guard counts else { return }
                records[task]!.failures += 1
                records[task]!.notBefore = clock + records[task]!.backoff
            } else if continues {
                records[task]!.failures = 0
                records[task]!.licences += 1
            } else {
                records[task]!.lastFailure = isTimeout ? .timeout : .crash
            }
        }
    }

    /// Whether there is another attempt after the one that is failing now.
    func hasAttemptsLeft(_ record: TaskRecord) -> Bool {
        record.failures + 1 < record.limits?.retry?.maxAttempts ?? 1 && !cancelsPending
    }

    // MARK: Deaths

    /// So many deaths in vain break a pool.
    private static let mostDeathsInVain = 5

    /// - Parameter isInVain: whether it was running nothing.
    mutating func noteDeath(of worker: SimulatedWorker, isInVain: Bool, isKeepersFault: Bool) {
        if !isInVain {
            deathsInVain = 0
        } else if !isKeepersFault, !worker.wasKilled, !worker.mustStop, !worker.isReady || !worker.hasNothingToDo {
            if workers.isEmpty {
                deathsInVain += 1
            } else {
                heldBackAt = clock
                isProbing = true
            }
        }
        if workers.isEmpty { heldBackAt = nil }
        noteWhetherBroken()
    }

    mutating func noteWhetherBroken() {
        guard workers.isEmpty else { return }
        if cannotStartWorkers || deathsInVain >= Self.mostDeathsInVain { isBroken = true }
    }

    func checkThatWorkersMayStart() {
        precondition(
            !isBroken && !cannotStartWorkers && deathsInVain < Self.mostDeathsInVain,
            "no worker is started where that is in vain"
        )
        if let heldBackAt {
            precondition(clock > heldBackAt, "a start in vain is not followed at once by another while a worker lives")
        }
        precondition(!isProbing || !isAnyStarting, "after a start in vain it is tried with one worker")
    }

    private var isAnyStarting: Bool { workers.values.contains { $0.heardAt == 0 && !$0.wasKilled } }

    /// A start in vain holds others back for a while, and not for longer.
    func checkThatWorkersAreStarted() {
        guard let heldBackAt, clock > heldBackAt + configuration.longestStartPause else { return }
        guard !isBroken, !cannotStartWorkers, workers.count < configuration.maxWorkers else { return }
        precondition(
            isAnyStarting || !workers.values.contains { $0.waitingCount > 0 },
            "a task waits behind another long after a start in vain"
        )
    }

    // MARK: Endings

    func check(_ ending: PoolStateMachine.Ending, of task: TaskID) {
        let record = records[task]!
        precondition(!record.isCancelled || ending == .cancelled, "what was cancelled ends so")
        switch ending {
        case .cancelled:
            precondition(record.isCancelled || cancelsPending, "only what was cancelled ends so")
            precondition(record.isCancelled || !isRunning(task), "what runs goes on when what waits is cancelled")
        case .crashed:
            precondition(record.lastFailure == .crash, "only what failed in a dying worker crashes")
        case .timedOut(.timeout):
            precondition(record.lastFailure == .timeout, "only what ran too long ends so")
        case .timedOut(let limit):
            let deadline = record.limits?.deadlineInstant ?? 0
            precondition(deadline != 0 && clock >= deadline, "only what has a deadline misses it, once it has passed")
            precondition(limit == .deadlineBeforeStart || record.starts > 0, "only what was begun is stopped")
            precondition(limit == .deadline || !isRunning(task), "what runs has been begun")
        case .broken:
            precondition(isBroken, "a pool breaks only if no worker can be had")
        case .shutDown:
            precondition(record.cameTooLate && record.starts == 0, "only what comes after a shutdown is refused")
        case .unsendable:
            precondition(record.couldNotBeSent, "only what could not be sent ends so")
        case .judged:
            precondition(record.wasInQuestion && !isRunning(task), "only an outcome that was in question is judged")
        }
    }

    private func isRunning(_ task: TaskID) -> Bool {
        workers.values.contains { worker in
            worker.current.map { $0.task == task && $0.isStarted } ?? false
        }
    }

    // MARK: Steps of the ladder

    /// Since when the task that a worker runs should stop; `nil` if it may go on, or has ended and the pool does not know that yet.
    ///
    /// - Parameter start: when it began.
    private func stopTime(of worker: SimulatedWorker, begunAt start: UInt64) -> UInt64? {
        guard let frame = worker.current, frame.isStarted, worker.replies.isEmpty else { return nil }
        let record = records[frame.task]!
        var times = [record.cancelledAt].compactMap(\.self)
        if let limits = record.limits {
            if limits.deadlineInstant != 0 { times.append(limits.deadlineInstant) }
            if limits.timeoutNanoseconds != 0 { times.append(start + limits.timeoutNanoseconds) }
        }
        return times.min().flatMap { $0 <= clock ? $0 : nil }
    }

    private func isAtWork(_ worker: SimulatedWorker) -> Bool {
        worker.replies.isEmpty && worker.current?.isStarted == true
    }

    /// A process that is at work is asked to end when its task should have stopped for half of the grace period, and was asked to.
    func checkTermination(of id: WorkerID) {
        let worker = workers[id]!
        guard isAtWork(worker), let frame = worker.current, frame.itemCount == 1 else { return }
        guard let time = stopTime(of: worker, begunAt: worker.startedAt) else {
            preconditionFailure("only what is to stop is stopped")
        }
        precondition(clock >= time + configuration.gracePeriod / 2, "half of the grace period goes before SIGTERM")
        precondition(
            worker.askedAbout == frame.task || configuration.gracePeriod < 2,
            "a task is asked to stop before its process is"
        )
    }

    /// A process that is at work is killed when its task should have stopped for the grace period, and the process was asked to end.
    func checkKill(of id: WorkerID) {
        let worker = workers[id]!
        guard isAtWork(worker), let frame = worker.current else { return }
        precondition(worker.wasTerminated || configuration.gracePeriod == 0, "SIGTERM goes before SIGKILL")
        // A worker that was asked to end is given up, also if it has gone on to a batch's next item.
        guard frame.itemCount == 1 else { return }
        guard let time = stopTime(of: worker, begunAt: worker.startedAt) else {
            preconditionFailure("only what is to stop is stopped")
        }
        precondition(clock >= time + configuration.gracePeriod, "the grace period goes before SIGKILL")
    }

    /// What is to stop runs on no longer than the grace period, and without SIGTERM no longer than half of it, as far as the pool can know
    /// of it.
    func checkSteps() {
        for worker in workers.values where !worker.wasKilled {
            // Before it had heard of the task before, the pool could not know that this one has begun.
            let knownStart = max(worker.startedAt, worker.heardAt)
            guard !worker.isKilled, let time = stopTime(of: worker, begunAt: knownStart) else { continue }
            let start = max(time, knownStart, terminatedAt)
            precondition(clock <= start + configuration.gracePeriod, "what is to stop runs on after the grace period")
            precondition(
                worker.wasTerminated || clock <= start + configuration.gracePeriod / 2,
                "what is to stop runs on without SIGTERM"
            )
        }
    }
}

extension PoolSimulation.Fate {
    init(_ ending: PoolStateMachine.Ending) {
        self =
            switch ending {
            case .cancelled: .cancelled
            case .crashed: .crashed
            case .timedOut(.timeout): .ranTooLong
            case .timedOut(.deadline): .missedDeadlineRunning
            case .timedOut(.deadlineBeforeStart): .missedDeadlineWaiting
            case .broken: .broken
            case .shutDown: .shutDown
            case .unsendable: .unsendable
            case .judged: .finished
            }
    }
}
