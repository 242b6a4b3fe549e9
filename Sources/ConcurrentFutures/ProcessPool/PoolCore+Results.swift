import CSystemShims

// What the workers' replies and ends mean for the tasks.

extension PoolCore {
    /// Has what is kept of a task fetched whose reply comes soon after the one that is at hand, most likely among those that have come together.
    mutating func prefetchRecords(of worker: WorkerEnd) {
        let ahead = 2
        guard worker.state.inFlight.count > ahead, let task = worker.state.inFlight[ahead].task else { return }
        machine.tasks.prefetch(task)
        if let record = tasks[Self.index(of: task)] { cf_prefetch(record.toOpaque()) }
    }

    /// - Throws: ``ChannelFailure`` if the worker cannot have meant that.
    mutating func received(
        _ reply: Reply,
        from worker: WorkerEnd,
        _ aftermath: inout Aftermath
    ) throws(ChannelFailure) {
        defer { if !actions.isEmpty { carryOut(&aftermath) } }
        if reply.kind == .ready { return machine.workerReady(worker.id, actions: &actions) }
        guard worker.channel.oldestSequence == reply.sequence else {
            throw ChannelFailure(message: "it answered a request that it was not to run")
        }
        if reply.kind == .revoked {
            guard machine.passedOver(by: worker.id, actions: &actions) else {
                throw ChannelFailure(message: "it passed over a task that was not taken back")
            }
            return worker.channel.finishOldest()
        }
        guard let task = worker.state.inFlight.first?.task else {
            throw ChannelFailure(message: "it ran a task that had been taken back")
        }
        let failure = unmanagedRecord(of: task)._withUnsafeGuaranteedRef { record -> ChannelFailure? in
            do throws(ChannelFailure) {
                try received(reply, about: record, from: worker, &aftermath)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private mutating func received(
        _ reply: Reply,
        about record: PoolTask,
        from worker: WorkerEnd,
        _ aftermath: inout Aftermath
    ) throws(ChannelFailure) {
        guard record.isBatch == (reply.kind != .outcome) else {
            throw ChannelFailure(message: "it answered a batch as if it were one task, or one task as a batch")
        }
        let late = try record.limit(exceeded: reply.lateness)
        switch reply.kind {
        case .item:
            let outcome = record.outcome(reply)
            try received(1, of: record, by: worker.id) { $0.append(outcome) }
        case .items:
            let items = try ItemOutcomes(reply.payload)
            try received(items.count, of: record, by: worker.id) { $0.append(items) }
        case .batchEnd: try finishBatch(record, nanoseconds: reply.payload, by: worker, &aftermath)
        case .stoppedItem: try stoppedItem(of: record, by: worker, late)
        default: finish(record, by: worker, with: .encoded(record.outcome(reply)), late, &aftermath)
        }
    }

    // MARK: Results

    private mutating func received(
        _ count: Int,
        of record: PoolTask,
        by id: WorkerID,
        append: (BatchProgress) -> Void
    ) throws(ChannelFailure) {
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
        _ record: PoolTask,
        nanoseconds: Payload,
        by worker: WorkerEnd,
        _ aftermath: inout Aftermath
    ) throws(ChannelFailure) {
        let progress = record.batch ?? BatchProgress()
        guard progress.itemsDone == record.itemCount, nanoseconds.count == 8 else {
            throw ChannelFailure(message: "it ended a batch before all outcomes had come")
        }
        let nanoseconds = nanoseconds.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        finish(record, by: worker, with: .batch(progress, nanoseconds: nanoseconds), nil, &aftermath)
    }

    private mutating func finish(
        _ record: PoolTask,
        by worker: WorkerEnd,
        with completion: Aftermath.Completion,
        _ late: PoolStateMachine.TimeLimit?,
        _ aftermath: inout Aftermath
    ) {
        if let fate = machine.fateOfResult(by: worker.state, isBatch: record.isBatch, late: late) {
            return giveUp(record, by: worker, fate)
        }
        let isInQuestion = isToBeJudged(record, completion)
        if isInQuestion {
            // It may be needed once more.
            record.payload = worker.channel.payload(at: 0)
            record.attempts!.outcomeInQuestion = completion
            let mayBeRunAgain = machine.hasAttemptsLeft(record.id)
            aftermath.questions.append(
                Aftermath.Question(
                    task: record.id,
                    reader: record.reader,
                    outcome: completion,
                    isRunAgain: mayBeRunAgain ? record.limits?.retry?.retriesError : nil
                )
            )
        }
        worker.channel.finishOldest()
        machine.finished(by: worker.state, isInQuestion: isInQuestion, actions: &actions)
        if !isInQuestion { end(record.id, completion, &aftermath) }
    }

    /// Whether an outcome has to be looked at elsewhere before it is told: the policy may want another attempt, or the error is to keep why the
    /// attempts before have failed.
    private mutating func isToBeJudged(_ record: PoolTask, _ completion: Aftermath.Completion) -> Bool {
        guard let attempts = record.attempts else { return false }
        let mayBeRunAgain = record.limits?.retry?.retriesError != nil && machine.hasAttemptsLeft(record.id)
        guard mayBeRunAgain || !attempts.failures.isEmpty else { return false }
        return switch completion {
        case .encoded(let payload): Outcome.isError(payload)
        // A batch whose items may be run again for what they throw has only one.
        case .batch(let progress, _): mayBeRunAgain && progress.lastHasThrown
        case .failed, .cancelled: false
        }
    }

    // MARK: Failures

    private mutating func stoppedItem(
        of record: PoolTask,
        by worker: WorkerEnd,
        _ late: PoolStateMachine.TimeLimit?
    ) throws(ChannelFailure) {
        guard machine.isStopping(worker.id) || late != nil, record.batch?.itemsDone ?? 0 < record.itemCount else {
            throw ChannelFailure(message: "it gave back a batch that it was not asked to stop")
        }
        giveUp(record, by: worker, machine.fateOfVictim(of: worker.id, isKeepersFault: false, late: late))
    }

    /// A worker has stopped working on a task, and lives on.
    private mutating func giveUp(_ record: PoolTask, by worker: WorkerEnd, _ fate: PoolStateMachine.Fate) {
        record.payload = worker.channel.payload(at: 0)
        let continues = meet(fate, record, PoolError(ranTooLong: record))
        worker.channel.finishOldest()
        machine.gaveUp(by: worker.id, fate, continues: continues, actions: &actions)
    }

    /// Notes why an attempt has failed.
    ///
    /// - Parameter isNobodysFault: whether it counts as no attempt if the task is run again.
    /// - Returns: whether the task goes on although the attempt has failed for good: of a batch only the item that was at work fails.
    private func meet(
        _ fate: PoolStateMachine.Fate,
        _ record: PoolTask,
        _ failure: PoolError,
        isNobodysFault: Bool = false
    ) -> Bool {
        guard case .failed(let isTimeout, let isRunAgain) = fate else { return false }
        if isRunAgain {
            guard isTimeout || !isNobodysFault else { return false }
            if record.attempts == nil { record.attempts = AttemptRecord() }
            record.attempts!.failures.appendFailure(failure)
            return false
        }
        var failure = failure
        failure.previousFailures = record.attempts?.failures ?? []
        record.attempts = nil
        record.failure = failure
        guard record.isBatch else { return false }
        let progress = record.batch ?? BatchProgress()
        // All outcomes may have come, and the worker died before it could say that they were all.
        if progress.itemsDone < record.itemCount { progress.append(failure) }
        record.batch = progress
        return progress.itemsDone < record.itemCount
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
        if takeBackPayloads(of: id) {
            if running, let task = machine.oldestTask(of: id) {
                let fate = machine.fateOfVictim(of: id, isKeepersFault: isKeepersFault)
                var failure = failure
                if case .failed(isTimeout: true, _) = fate {
                    failure = PoolError(ranTooLong: self[task]!, endOf: failure)
                }
                continues = meet(fate, self[task]!, failure, isNobodysFault: isKeepersFault)
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

    /// A worker's channel is of no more use.
    ///
    /// - Returns: whether it had one.
    @discardableResult
    mutating func takeBackPayloads(of id: WorkerID) -> Bool {
        guard let channel = channel(of: id) else { return false }
        workers[Self.index(of: id)] = nil
        for (index, task) in machine.tasks(of: id) { self[task]!.payload = channel.payload(at: index) }
        return true
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

extension PoolTask {
    /// Which of its limits a call has exceeded, as its worker says.
    fileprivate func limit(
        exceeded lateness: ReplyHeader.Lateness
    ) throws(ChannelFailure) -> PoolStateMachine.TimeLimit? {
        switch lateness {
        case .none: return nil
        case .timeout where limits?.timeoutNanoseconds ?? 0 != 0: return .timeout
        case .deadline where limits?.deadlineInstant ?? 0 != 0: return .deadline
        default: throw ChannelFailure(message: "it exceeded a limit that its task does not have")
        }
    }
}
