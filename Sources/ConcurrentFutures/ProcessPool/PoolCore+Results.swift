// What the workers' replies and ends mean for the tasks.

extension PoolCore {
    /// - Throws: ``ChannelFailure`` if the worker cannot have meant that.
    mutating func received(_ reply: Reply, from id: WorkerID, _ aftermath: inout Aftermath) throws(ChannelFailure) {
        guard let channel = channel(of: id) else { return }
        defer { if !actions.isEmpty { carryOut(&aftermath) } }
        if reply.kind == .ready { return machine.workerReady(id, actions: &actions) }
        guard channel.oldestSequence == reply.sequence else {
            throw ChannelFailure(message: "it answered a request that it was not to run")
        }
        if reply.kind == .revoked {
            guard machine.passedOver(by: id, actions: &actions) else {
                throw ChannelFailure(message: "it passed over a task that was not taken back")
            }
            return channel.finishOldest()
        }
        guard let task = machine.oldestTask(of: id) else {
            throw ChannelFailure(message: "it ran a task that had been taken back")
        }
        let record = self[task]!
        guard record.isBatch == (reply.kind != .outcome) else {
            throw ChannelFailure(message: "it answered a batch as if it were one task, or one task as a batch")
        }
        let late = try limit(exceededBy: task, reply.lateness)
        switch reply.kind {
        case .item:
            let outcome = outcome(of: task, reply)
            try received(1, of: task, by: id) { $0.append(outcome) }
        case .items:
            let items = try ItemOutcomes(reply.payload)
            try received(items.count, of: task, by: id) { $0.append(items) }
        case .batchEnd: try finishBatch(task, nanoseconds: reply.payload, by: id, &aftermath)
        case .stoppedItem: try stoppedItem(of: task, by: id, late)
        default: finish(task, by: id, with: .encoded(outcome(of: task, reply)), late, &aftermath)
        }
    }

    // MARK: Results

    private mutating func received(
        _ count: Int,
        of task: TaskID,
        by id: WorkerID,
        append: (BatchProgress) -> Void
    ) throws(ChannelFailure) {
        let record = self[task]!
        let progress = record.batch ?? BatchProgress()
        guard count <= Int(record.itemCount) - Int(progress.itemsDone) else {
            throw ChannelFailure(message: "it sent more outcomes than its task has")
        }
        append(progress)
        let isLast = progress.itemsDone == record.itemCount
        record.batch = progress
        // With the last item the batch is about to end, or to be run again because of it.
        guard record.limits != nil, !isLast else { return }
        record.attempts?.failures = []
        machine.itemFinished(by: id, actions: &actions)
    }

    private mutating func finishBatch(
        _ task: TaskID,
        nanoseconds: Payload,
        by id: WorkerID,
        _ aftermath: inout Aftermath
    ) throws(ChannelFailure) {
        let progress = self[task]!.batch ?? BatchProgress()
        guard progress.itemsDone == self[task]!.itemCount, nanoseconds.count == 8 else {
            throw ChannelFailure(message: "it ended a batch before all outcomes had come")
        }
        let nanoseconds = nanoseconds.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        finish(task, by: id, with: .batch(progress, nanoseconds: nanoseconds), nil, &aftermath)
    }

    private mutating func finish(
        _ task: TaskID,
        by id: WorkerID,
        with completion: Aftermath.Completion,
        _ late: PoolStateMachine.TimeLimit?,
        _ aftermath: inout Aftermath
    ) {
        if let fate = machine.fateOfResult(by: id, isBatch: self[task]!.isBatch, late: late) {
            return giveUp(task, by: id, fate)
        }
        let isInQuestion = isToBeJudged(task, completion)
        if isInQuestion {
            // It may be needed once more.
            self[task]!.payload = channel(of: id)!.payload(at: 0)
            self[task]!.attempts!.outcomeInQuestion = completion
            let mayBeRunAgain = machine.hasAttemptsLeft(task)
            aftermath.questions.append(
                Aftermath.Question(
                    task: task,
                    reader: self[task]!.reader,
                    outcome: completion,
                    isRunAgain: mayBeRunAgain ? self[task]!.limits?.retry?.retriesError : nil
                )
            )
        }
        channel(of: id)!.finishOldest()
        machine.finished(by: id, isInQuestion: isInQuestion, actions: &actions)
        if !isInQuestion { aftermath.completions.append((take(task, &aftermath), completion)) }
    }

    /// Whether an outcome has to be looked at elsewhere before it is told: the policy may want another attempt, or the error is to keep why the
    /// attempts before have failed.
    private func isToBeJudged(_ task: TaskID, _ completion: Aftermath.Completion) -> Bool {
        guard let attempts = self[task]!.attempts else { return false }
        let mayBeRunAgain = self[task]!.limits?.retry?.retriesError != nil && machine.hasAttemptsLeft(task)
        guard mayBeRunAgain || !attempts.failures.isEmpty else { return false }
        return switch completion {
        case .encoded(let payload): Outcome.isError(payload)
        // A batch whose items may be run again for what they throw has only one.
        case .batch(let progress, _): mayBeRunAgain && progress.lastHasThrown
        case .failed, .cancelled: false
        }
    }

    // MARK: Failures

    /// Which limit of its task a call has exceeded, as its worker says.
    private func limit(
        exceededBy task: TaskID,
        _ lateness: ReplyHeader.Lateness
    ) throws(ChannelFailure) -> PoolStateMachine.TimeLimit? {
        let limits = self[task]!.limits
        switch lateness {
        case .none: return nil
        case .timeout where limits?.timeoutNanoseconds ?? 0 != 0: return .timeout
        case .deadline where limits?.deadlineInstant ?? 0 != 0: return .deadline
        default: throw ChannelFailure(message: "it exceeded a limit that its task does not have")
        }
    }

    private mutating func stoppedItem(
        of task: TaskID,
        by id: WorkerID,
        _ late: PoolStateMachine.TimeLimit?
    ) throws(ChannelFailure) {
        guard machine.isStopping(id) || late != nil, self[task]!.batch?.itemsDone ?? 0 < self[task]!.itemCount else {
            throw ChannelFailure(message: "it gave back a batch that it was not asked to stop")
        }
        giveUp(task, by: id, machine.fateOfVictim(of: id, isKeepersFault: false, late: late))
    }

    /// A worker has stopped working on a task, and lives on.
    private mutating func giveUp(_ task: TaskID, by id: WorkerID, _ fate: PoolStateMachine.Fate) {
        let channel = channel(of: id)!
        self[task]!.payload = channel.payload(at: 0)
        let continues = meet(fate, task, PoolError(ranTooLong: self[task]!))
        channel.finishOldest()
        machine.gaveUp(by: id, fate, continues: continues, actions: &actions)
    }

    /// Notes why an attempt has failed.
    ///
    /// - Parameter isNobodysFault: whether it counts as no attempt if the task is run again.
    /// - Returns: whether the task goes on although the attempt has failed for good: of a batch only the item that was at work fails.
    private mutating func meet(
        _ fate: PoolStateMachine.Fate,
        _ task: TaskID,
        _ failure: PoolError,
        isNobodysFault: Bool = false
    ) -> Bool {
        guard case .failed(let isTimeout, let isRunAgain) = fate else { return false }
        if isRunAgain {
            guard isTimeout || !isNobodysFault else { return false }
            if self[task]!.attempts == nil { self[task]!.attempts = AttemptRecord() }
            self[task]!.attempts!.failures.appendFailure(failure)
            return false
        }
        var failure = failure
        failure.previousFailures = self[task]!.attempts?.failures ?? []
        self[task]!.attempts = nil
        self[task]!.failure = failure
        guard self[task]!.isBatch else { return false }
        let progress = self[task]!.batch ?? BatchProgress()
        // All outcomes may have come, and the worker died before it could say that they were all.
        if progress.itemsDone < self[task]!.itemCount { progress.append(failure) }
        self[task]!.batch = progress
        return progress.itemsDone < self[task]!.itemCount
    }

    // MARK: Ends of workers

    /// What is known of a task that a worker was running when it died.
    struct Victim {
        var function: TaskFunctionName
        var options: TaskOptions
        var stage: TaskStage
    }

    /// What a worker that has ended was running, if it was running anything; where its state words make no sense, the oldest it had.
    func victim(of id: WorkerID) -> Victim? {
        guard let channel = channel(of: id), let task = machine.oldestTask(of: id),
            channel.isStarted(at: 0), let record = self[task]
        else { return nil }
        return Victim(function: record.function, options: record.options, stage: channel.stage)
    }

    /// A worker has ended, or could not be started.
    ///
    /// - Parameters:
    ///   - running: whether it was running the oldest task that it held; see ``victim(of:)``.
    ///   - failure: what happened, for the task that it was running and for a pool that breaks of it.
    ///   - isKeepersFault: whether it only went because its keeper went.
    mutating func workerEnded(
        _ id: WorkerID,
        running: Bool,
        failure: PoolError,
        isKeepersFault: Bool,
        _ aftermath: inout Aftermath
    ) {
        tellTime()
        // Where the keeper went, its own end is the reason, or another one will start.
        if !isKeepersFault { brokenReason = failure }
        var victim: PoolStateMachine.Fate?
        var continues = false
        if let channel = channel(of: id) {
            workers[Int(UInt32(truncatingIfNeeded: id))] = nil
            for (index, task) in machine.tasks(of: id) { self[task]!.payload = channel.payload(at: index) }
            if running, let task = machine.oldestTask(of: id) {
                let fate = machine.fateOfVictim(of: id, isKeepersFault: isKeepersFault)
                var failure = failure
                if case .failed(isTimeout: true, _) = fate {
                    failure = PoolError(ranTooLong: self[task]!, endOf: failure)
                }
                continues = meet(fate, task, failure, isNobodysFault: isKeepersFault)
                victim = fate
            }
        }
        machine.workerEnded(
            id,
            victim: victim,
            continues: continues,
            isKeepersFault: isKeepersFault,
            actions: &actions
        )
        carryOut(&aftermath)
    }

    // MARK: Ends of tasks

    func completion(of record: PoolTask, _ ending: PoolStateMachine.Ending) -> Aftermath.Completion {
        switch ending {
        case .cancelled:
            return .cancelled
        case .crashed, .unsendable, .timedOut(.timeout):
            if let batch = record.batch { return .batch(batch, nanoseconds: 0) }
            return .failed(record.failure!)
        case .timedOut(let limit):
            return Self.failure(PoolError(deadlineOf: record, isRunning: limit == .deadline), of: record)
        case .broken:
            var error = initializerFailure ?? Self.broken(because: brokenReason)
            error.previousFailures = record.attempts?.failures ?? []
            return Self.failure(error, of: record)
        case .judged:
            return record.attempts!.outcomeInQuestion!
        case .shutDown:
            let error = PoolError(
                .shutdown,
                "\(record.options.place): the task was submitted after the pool had been shut down"
            )
            return .failed(error)
        }
    }

    private static func failure(_ error: PoolError, of record: PoolTask) -> Aftermath.Completion {
        guard let batch = record.batch else { return .failed(error) }
        // What its items had brought before is not lost.
        while batch.itemsDone < record.itemCount { batch.append(error) }
        return .batch(batch, nanoseconds: 0)
    }

    private static func broken(because reason: PoolError?) -> PoolError {
        var error = PoolError(
            .brokenPool,
            "no worker lives and none can be started: \(reason?.message ?? "")",
            underlying: reason
        )
        error.standardError = reason?.standardError
        return error
    }
}
