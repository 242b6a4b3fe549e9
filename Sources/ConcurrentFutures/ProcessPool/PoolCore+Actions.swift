import CSystemShims

// Carrying out what the state machine has decided.

extension PoolCore {
    mutating func carryOut(_ aftermath: inout Aftermath) {
        // Carrying out one action may append others.
        var next = 0
        while next < actions.count {
            let action = actions[next]
            next += 1
            prefetch(behind: next)
            switch action {
            case .send(let task, let worker): send(task, to: worker, &aftermath)
            case .complete(let task, let ending):
                end(task, completion(of: self[task]!, ending), &aftermath)
            case .revoke(let task, let worker): revoke(task, from: worker)
            case .lookAtStart(let worker): lookAtStart(by: worker)
            case .lookWhetherBegun(let worker): lookWhetherBegun(worker)
            case .climb(let worker): machine.climb(worker, actions: &actions)
            case .askToStop(let worker, let onlyItem): askToStop(worker, onlyItem: onlyItem)
            case .startWorker(let id): order(.start(id), &aftermath)
            case .terminateWorker(let id): order(.terminate(id), &aftermath)
            case .killWorker(let id): order(.kill(id), &aftermath)
            case .abandonWorkers: order(.abandonWorkers, &aftermath)
            case .tellShortage: order(.say(shortage), &aftermath)
            case .stopWorker(let id):
                // A stop always has room; if it did not go out, the worker is killed after a while.
                guard let channel = channel(of: id) else { continue }
                try? channel.sendStop()
                aftermath.sentTo(channel, isUrgent: true)
            case .stopped:
                isStopped = true
                aftermath.driverHasOrders = true
            }
        }
        actions.removeAll(keepingCapacity: true)
    }

    /// Has the records fetched of tasks that are sent soon, and that may have waited for long: first the place in the list that names a record, then the record.
    private mutating func prefetch(behind next: Int) {
        // As many sends earlier as memory is slower than a send.
        let ahead = 3
        if next + 2 * ahead < actions.count, case .send(let task, _) = actions[next + 2 * ahead] {
            tasks.withUnsafeBufferPointer { cf_prefetch($0.baseAddress! + Self.index(of: task)) }
        }
        if next + ahead < actions.count, case .send(let task, _) = actions[next + ahead],
            let record = tasks[Self.index(of: task)]
        {
            cf_prefetch(record.toOpaque())
            cf_prefetch(record.toOpaque() + 64)
        }
    }

    mutating func order(_ order: Order, _ aftermath: inout Aftermath) {
        orders.append(order)
        aftermath.driverHasOrders = true
    }

    private mutating func send(_ task: TaskID, to id: WorkerID, _ aftermath: inout Aftermath) {
        let worker = worker(id)!
        unmanagedRecord(of: task)._withUnsafeGuaranteedRef { send($0, to: worker, &aftermath) }
    }

    private mutating func send(_ record: PoolTask, to worker: WorkerEnd, _ aftermath: inout Aftermath) {
        let function = record.withFunction { $0.number }
        let isNew = worker.learn(function)
        if isNew, usedFunctions.updateValue(record.function, forKey: function) == nil {
            newFunctions.append(record.function)
        }
        let isUrgent = urgency.isUrgent(backlog: machine.backlogCount, depth: worker.state.depth)
        let request = OutgoingRequest(
            functionNumber: function,
            definition: isNew ? record.function.definition : [],
            isBatch: record.isBatch,
            itemCount: record.itemCount,
            firstItem: record.batch?.itemsDone ?? 0,
            attempt: UInt16(clamping: machine.attempt(of: record.id)),
            isUrgent: isUrgent,
            isLast: machine.isOneTaskPerWorker,
            timing: record.timing,
            payload: record.payload!
        )
        do {
            try worker.channel.send(request)
            record.payload = nil
            if watchesMemory, !worker.isWatched {
                worker.isWatched = true
                order(.watchMemory(worker.id), &aftermath)
            }
            aftermath.sentTo(worker.channel, isUrgent: isUrgent)
        } catch {
            if isNew { worker.forget(function) }
            record.failure = PoolError(unsendable: record, error)
            tellTime()
            machine.sendFailed(record.id, to: worker.id, isShortage: error.isShortage, actions: &actions)
        }
    }

    private mutating func revoke(_ task: TaskID, from id: WorkerID) {
        guard let index = machine.revocation(of: task, from: id, actions: &actions), let channel = channel(of: id)
        else { return }
        // It may be on its way there once more, behind this in the list of what is to be done.
        guard index < channel.inFlightCount else { return actions.append(.revoke(task, from: id)) }
        guard channel.revoke(at: index) else { return machine.revokeCameTooLate(task, actions: &actions) }
        self[task]!.payload = channel.payload(at: index)
        machine.revoked(task, actions: &actions)
    }

    private mutating func lookAtStart(by id: WorkerID) {
        guard let index = machine.oldestPlace(of: id), let channel = channel(of: id), index < channel.inFlightCount
        else { return }
        let start = channel.isStarted(at: index) ? channel.startedAt : nil
        machine.observedStart(by: id, at: start, actions: &actions)
    }

    private mutating func lookWhetherBegun(_ id: WorkerID) {
        guard let channel = channel(of: id) else { return }
        if let index = machine.oldestPlace(of: id), index < channel.inFlightCount, channel.isStarted(at: index) {
            return
        }
        machine.hasNotBegun(id, actions: &actions)
    }

    private func askToStop(_ id: WorkerID, onlyItem: Bool) {
        // Those before it that were taken back may be in the channel still.
        guard let (index, task) = machine.tasks(of: id).first, let channel = channel(of: id), let record = self[task]
        else { return }
        let item = onlyItem && record.isBatch ? record.batch?.itemsDone ?? 0 : nil
        channel.requestStop(at: index, item: item)
    }
}
