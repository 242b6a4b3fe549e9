/// Everything of a process pool that is shared between the threads that use it and its driver, under one lock: the state machine, the
/// tasks, and the sending ends of the workers' channels.
///
/// Nothing here waits, and nothing here runs user code: what has to happen without the lock is collected in an ``Aftermath``.
struct PoolCore: ~Copyable {
    private struct WorkerEnd {
        let id: WorkerID
        let channel: any WorkerChannel
        /// Whether the worker has been sent the definition of the function with this number; false for those beyond the end.
        var knownFunctions: [Bool] = []

        /// - Returns: whether the worker did not know it.
        mutating func learn(_ function: UInt32) -> Bool {
            let number = Int(function)
            if number >= knownFunctions.count {
                knownFunctions.append(contentsOf: repeatElement(false, count: number + 1 - knownFunctions.count))
            }
            defer { knownFunctions[number] = true }
            return !knownFunctions[number]
        }
    }

    private var machine: PoolStateMachine
    /// By the lower half of the task's number, which names a place in the state machine's slab.
    private var tasks: [PoolTask?] = []
    /// By the lower half of the worker's number, as with the tasks.
    private var workers: [WorkerEnd?] = []
    private var actions: PoolStateMachine.Actions = []
    /// What the driver has to do.
    private var orders: [Order] = []
    /// Why no worker can be started.
    private var brokenReason: PoolError?
    /// Whether everything has ended.
    private(set) var isStopped = false

    enum Order {
        case start(WorkerID)
        case kill(WorkerID)
    }

    init(_ configuration: PoolStateMachine.Configuration) {
        machine = PoolStateMachine(configuration: configuration)
    }

    // MARK: For those who use the pool

    mutating func start(_ aftermath: inout Aftermath) {
        machine.start(actions: &actions)
        carryOut(&aftermath)
    }

    /// Takes a task in.
    ///
    /// - Parameter assign: is given the task's number before anything else happens to it.
    mutating func submit(_ task: consuming PoolTask, _ aftermath: inout Aftermath, assign: (TaskID) -> Void) {
        let id = machine.submit(cost: task.cost, actions: &actions)
        assign(id)
        let index = Int(UInt32(truncatingIfNeeded: id))
        if index == tasks.count { tasks.append(task) } else { tasks[index] = task }
        carryOut(&aftermath)
    }

    mutating func cancel(_ task: TaskID, _ aftermath: inout Aftermath) -> Bool {
        let isKnown = machine.cancel(task, actions: &actions)
        carryOut(&aftermath)
        return isKnown
    }

    mutating func cancelAll(_ aftermath: inout Aftermath) {
        machine.cancelAll(actions: &actions)
        carryOut(&aftermath)
    }

    func isRunning(_ task: TaskID) -> Bool {
        guard let (worker, index) = machine.place(of: task) else { return false }
        // Only the oldest can be, whatever the others' words say.
        return index == 0 && channel(of: worker)?.isStarted(at: 0) == true
    }

    mutating func shutDown(cancelPending: Bool, _ aftermath: inout Aftermath) {
        machine.shutDown(cancelPending: cancelPending, actions: &actions)
        carryOut(&aftermath)
    }

    // MARK: For the driver

    mutating func takeOrders() -> [Order] {
        defer { orders = [] }
        return orders
    }

    /// A worker is being started; from now on its channel can be written to.
    mutating func add(_ channel: any WorkerChannel, for id: WorkerID) {
        let index = Int(UInt32(truncatingIfNeeded: id))
        while workers.count <= index { workers.append(nil) }
        workers[index] = WorkerEnd(id: id, channel: channel)
    }

    /// - Throws: ``ChannelFailure`` if the worker cannot have meant that.
    mutating func received(_ reply: Reply, from id: WorkerID, _ aftermath: inout Aftermath) throws(ChannelFailure) {
        guard let channel = channel(of: id) else { return }
        if reply.kind == .ready {
            machine.workerReady(id, actions: &actions)
            return carryOut(&aftermath)
        }
        guard channel.oldestSequence == reply.sequence else {
            throw ChannelFailure(message: "it answered a request that it was not to run")
        }
        if reply.kind == .revoked {
            guard machine.passedOver(by: id, actions: &actions) else {
                throw ChannelFailure(message: "it passed over a task that was not taken back")
            }
            channel.finishOldest()
            return carryOut(&aftermath)
        }
        guard let task = machine.oldestTask(of: id) else {
            throw ChannelFailure(message: "it ran a task that had been taken back")
        }
        switch reply.kind {
        case .item: try received(itemOf: task, reply.payload)
        case .batchEnd: try finishBatch(task, nanoseconds: reply.payload, by: id, &aftermath)
        default:
            guard self[task]?.isBatch == false else {
                throw ChannelFailure(message: "it answered a batch as if it were one task")
            }
            finish(by: id, with: .encoded(reply.payload), &aftermath)
        }
        carryOut(&aftermath)
    }

    /// What is known of a task that a worker was running when it died.
    struct Victim {
        var function: any TaskFunctionName
        var options: TaskOptions
        var stage: TaskStage
    }

    /// What a worker that has ended was running, if it was running anything; where its state words make no sense, the oldest it had.
    func victim(of id: WorkerID) -> Victim? {
        guard let channel = channel(of: id), let task = machine.oldestTask(of: id), channel.isStarted(at: 0),
            let record = self[task]
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
        // Where the keeper went, its own end is the reason, or another one will start.
        if !isKeepersFault { brokenReason = failure }
        var continues = false
        if let channel = channel(of: id) {
            workers[Int(UInt32(truncatingIfNeeded: id))] = nil
            for (index, task) in machine.tasks(of: id) {
                self[task]!.payload = channel.payload(at: index)
            }
            if running, let task = machine.oldestTask(of: id) { continues = fail(task, failure) }
        }
        machine.workerEnded(
            id,
            running: running,
            continues: continues,
            isKeepersFault: isKeepersFault,
            actions: &actions
        )
        carryOut(&aftermath)
    }

    /// No worker can be started any more.
    mutating func cannotStartWorkers(_ reason: PoolError, _ aftermath: inout Aftermath) {
        brokenReason = reason
        machine.cannotStartWorkers(actions: &actions)
        carryOut(&aftermath)
    }

    // MARK: Results

    /// Whoever asks knows that the task has not ended.
    private subscript(task: TaskID) -> PoolTask? {
        _read { yield tasks[Int(UInt32(truncatingIfNeeded: task))] }
        _modify { yield &tasks[Int(UInt32(truncatingIfNeeded: task))] }
    }

    private func channel(of id: WorkerID) -> (any WorkerChannel)? {
        let index = Int(UInt32(truncatingIfNeeded: id))
        guard index < workers.count, let worker = workers[index], worker.id == id else { return nil }
        return worker.channel
    }

    private mutating func take(_ task: TaskID) -> PoolTask {
        tasks[Int(UInt32(truncatingIfNeeded: task))].take()!
    }

    private mutating func received(itemOf task: TaskID, _ payload: Payload) throws(ChannelFailure) {
        guard self[task]!.isBatch, self[task]!.batch?.itemsDone ?? 0 < self[task]!.itemCount else {
            throw ChannelFailure(message: "it sent more outcomes than its task has")
        }
        if self[task]!.batch == nil { self[task]!.batch = BatchProgress() }
        self[task]!.batch!.append(payload)
    }

    private mutating func finishBatch(
        _ task: TaskID,
        nanoseconds: Payload,
        by id: WorkerID,
        _ aftermath: inout Aftermath
    ) throws(ChannelFailure) {
        let progress = self[task]!.batch ?? BatchProgress()
        guard self[task]!.isBatch, progress.itemsDone == self[task]!.itemCount, nanoseconds.count == 8 else {
            throw ChannelFailure(message: "it ended a batch before all outcomes had come")
        }
        let nanoseconds = nanoseconds.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        self[task]!.batch = nil
        finish(by: id, with: .batch(progress, nanoseconds: nanoseconds), &aftermath)
    }

    private mutating func finish(
        by id: WorkerID,
        with completion: Aftermath.Completion,
        _ aftermath: inout Aftermath
    ) {
        channel(of: id)!.finishOldest()
        guard let (task, isCancelled) = machine.finished(by: id, actions: &actions) else {
            preconditionFailure("it was asked just now which task the worker runs")
        }
        aftermath.completions.append((take(task).future, isCancelled ? .cancelled : completion))
    }

    /// Notes why a task fails.
    ///
    /// - Returns: whether it goes on nevertheless: of a batch only the item that was at work fails.
    private mutating func fail(_ task: TaskID, _ failure: PoolError) -> Bool {
        self[task]!.failure = failure
        guard self[task]!.isBatch else { return false }
        var progress = self[task]!.batch ?? BatchProgress()
        self[task]!.batch = nil
        // All outcomes may have come, and the worker died before it could say that they were all.
        if progress.itemsDone < self[task]!.itemCount { progress.append(failure) }
        let continues = progress.itemsDone < self[task]!.itemCount
        self[task]!.batch = progress
        return continues
    }

    // MARK: Actions

    private mutating func carryOut(_ aftermath: inout Aftermath) {
        // Carrying out one action may append others.
        var next = 0
        while next < actions.count {
            let action = actions[next]
            next += 1
            switch action {
            case .send(let task, let worker): send(task, to: worker, &aftermath)
            case .complete(let task, let ending): aftermath.completions.append(completion(of: task, ending))
            case .revoke(let task, let worker): revoke(task, from: worker)
            case .startWorker(let id):
                orders.append(.start(id))
                aftermath.driverHasOrders = true
            case .killWorker(let id):
                orders.append(.kill(id))
                aftermath.driverHasOrders = true
            case .stopWorker(let id):
                // A stop always has room; if it did not go out, the worker ends with its keeper.
                guard let channel = channel(of: id) else { continue }
                try? channel.sendStop()
                if channel.needsWaking() { aftermath.sleepers.append(channel) }
            case .stopped:
                isStopped = true
                aftermath.driverHasOrders = true
            }
        }
        actions.removeAll(keepingCapacity: true)
    }

    private mutating func send(_ task: TaskID, to id: WorkerID, _ aftermath: inout Aftermath) {
        let index = Int(UInt32(truncatingIfNeeded: id))
        let channel = workers[index]!.channel
        let function = self[task]!.function
        let isNew = workers[index]!.learn(function.number)
        let payload = self[task]!.payload.take()!
        let request = OutgoingRequest(
            functionNumber: function.number,
            definition: isNew ? function.definition : [],
            isBatch: self[task]!.isBatch,
            itemCount: self[task]!.itemCount,
            firstItem: self[task]!.batch?.itemsDone ?? 0,
            payload: payload
        )
        do {
            try channel.send(request)
            if channel.needsWaking() { aftermath.sleepers.append(channel) }
        } catch {
            if isNew { workers[index]!.knownFunctions[Int(function.number)] = false }
            self[task]!.failure = PoolError(
                .encodingFailed,
                "the arguments of \(payload.count) bytes could not be sent: \(error)",
                underlying: error
            )
            machine.sendFailed(task, to: id, actions: &actions)
        }
    }

    private mutating func revoke(_ task: TaskID, from id: WorkerID) {
        guard let index = machine.place(of: task)?.index, let channel = channel(of: id), channel.revoke(at: index)
        else { return machine.revokeCameTooLate(task) }
        self[task]!.payload = channel.payload(at: index)
        machine.revoked(task, actions: &actions)
    }

    private mutating func completion(
        of task: TaskID,
        _ ending: PoolStateMachine.Ending
    ) -> (any AnyFuture, Aftermath.Completion) {
        let record = take(task)
        switch ending {
        case .cancelled:
            return (record.future, .cancelled)
        case .crashed, .unsendable:
            if let batch = record.batch { return (record.future, .batch(batch, nanoseconds: 0)) }
            return (record.future, .failed(record.failure!))
        case .broken:
            let error = Self.broken(because: brokenReason)
            guard var batch = record.batch else { return (record.future, .failed(error)) }
            // What its items had brought before is not lost.
            while batch.itemsDone < record.itemCount { batch.append(error) }
            return (record.future, .batch(batch, nanoseconds: 0))
        case .shutDown:
            let place = "\(record.options.file):\(record.options.line)"
            return (
                record.future,
                .failed(PoolError(.shutdown, "\(place): the task was submitted after the pool had been shut down"))
            )
        }
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
