// What the driver's thread does: it carries out orders, takes replies, and sleeps until there is something to do.

extension PoolDriver {
    private static let turnsBetweenEvents = 32

    func run() {
        SystemThread.blockSignals()
        var wait = AdaptiveWait()
        var busyTurns = 0
        while true {
            if hasOrders.exchange(false, ordering: .sequentiallyConsistent) {
                let (orders, isStopped) = locked { ($0.core.takeOrders(), $0.core.isStopped) }
                if isStopped { break }
                for order in orders { obey(order) }
            }
            watchMemory()
            watchStarts()
            if receiveReplies() {
                wait.found()
                busyTurns += 1
                // One worker that always has something to say must not hide another's death.
                if busyTurns.isMultiple(of: Self.turnsBetweenEvents) { handleEvents(timeoutMilliseconds: 0) }
            } else if links.isEmpty || !wait.looksAgain() {
                let start = monotonicNanoseconds()
                sleep()
                wait.slept(nanoseconds: monotonicNanoseconds() - start)
            }
        }
        leave()
    }

    private func obey(_ order: PoolCore.Order) {
        switch order {
        case .start(let id): startWorker(id)
        case .terminate(let id):
            links.first { $0.id == id }?.isUnwanted = true
            launcher?.terminate(id)
        case .kill(let id):
            if postponedStarts.remove(id) { return workerWasNotNeeded(id) }
            links.first { $0.id == id }?.isUnwanted = true
            launcher?.kill(id)
        case .abandonWorkers: abandonWorkers()
        case .watchMemory(let id):
            memoryWatch?.begin(id, now: monotonicNanoseconds())
        }
    }

    /// Looks at the memory of the workers whose turn it is.
    private func watchMemory() {
        guard let nextLook = memoryWatch?.nextLook else { return }
        let now = monotonicNanoseconds()
        guard nextLook <= now else { return }
        for id in memoryWatch?.due(now: now) ?? [] {
            guard let link = links.first(where: { $0.id == id }) else { continue }
            guard locked({ $0.core.keepsWatching(id) }) else {
                memoryWatch?.pause(id)
                continue
            }
            if link.memory == nil, let pid = link.pid { link.memory = try? ProcessMemory.Reader(pid: pid) }
            if memoryWatch?.saw(id, link.memory?.read()?.own, now: now) != nil {
                link.isOverMemoryLimit = true
                launcher?.kill(id)
            }
        }
    }

    /// - Parameter ended: a worker whose process has ended, so that it says nothing more.
    /// - Returns: whether there were any.
    func receiveReplies(atEndOf ended: WorkerID? = nil) -> Bool {
        // Kept for its memory.
        var replies: [(WorkerLink, Reply)] = []
        swap(&replies, &self.replies)
        defer {
            replies.removeAll(keepingCapacity: replies.count < Self.mostRepliesKept)
            swap(&replies, &self.replies)
        }
        for link in links where link.misbehaviour == nil {
            do {
                try link.channel.receive { replies.append((link, $0)) }
                if link.id == ended { try link.channel.receiveUnpublished { replies.append((link, $0)) } }
            } catch {
                putDown(link, error)
            }
        }
        guard !replies.isEmpty else { return false }
        withCore { core, aftermath in
            core.beginBatch()
            // What a worker said before it went mad counts; what it said after it made no sense does not.
            var senseless: Set<WorkerID> = []
            for (link, reply) in replies where senseless.isEmpty || !senseless.contains(link.id) {
                do throws(ChannelFailure) {
                    if try isOfInitializer(reply, link) { continue }
                    if reply.kind == .ready { try beginToWatch(link, reply.payload) }
                    try core.received(reply, from: link.id, &aftermath)
                } catch {
                    senseless.insert(link.id)
                    putDown(link, error)
                }
            }
            core.endBatch(&aftermath)
        }
        if replies.contains(where: { $0.1.kind == .ready }) { launchersLostInVain = 0 }
        return true
    }

    private static let mostRepliesKept = 4096

    /// Notes what a worker says of its start.
    ///
    /// - Returns: whether that was all.
    private func isOfInitializer(_ reply: Reply, _ link: WorkerLink) throws(ChannelFailure) -> Bool {
        if reply.kind == .ready {
            link.isReady = true
            link.mustBeReadyBy = nil
        }
        guard reply.kind == .initializerFailed else { return false }
        try link.receivedInitializerFailure(reply.payload)
        // It ends by itself; what it wrote last is known once it has.
        launcher?.kill(link.id)
        return true
    }

    /// A worker says how much memory it had at its birth, if that matters.
    private func beginToWatch(_ link: WorkerLink, _ payload: Payload) throws(ChannelFailure) {
        guard memoryWatch != nil else { return }
        guard payload.count == 8 else { throw ChannelFailure(message: "it did not tell its memory") }
        memoryWatch?.add(link.id, baseline: payload.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    }

    /// A worker has written what no sound worker writes. How it ends is told like any other end.
    private func putDown(_ link: WorkerLink, _ failure: ChannelFailure) {
        link.misbehaviour = failure
        launcher?.kill(link.id)
    }

    private func sleep() {
        var isQuiet = true
        for link in links where link.misbehaviour == nil { isQuiet = link.channel.prepareToSleep() && isQuiet }
        handleEvents(timeoutMilliseconds: isQuiet ? timeoutMilliseconds() : 0)
        for link in links { link.channel.wakeUp() }
    }

    private func handleEvents(timeoutMilliseconds: Int32) {
        var launcherHasEvents = false
        var timeHasPassed = false
        poller.wait(timeoutMilliseconds: timeoutMilliseconds) { token in
            switch token {
            case Token.bell: bell.silence()
            case Token.launcher: launcherHasEvents = true
            case Token.alarm:
                alarm.silence()
                timeHasPassed = true
            default: links.first { UInt64($0.id) + Token.firstWorker == token }?.bell.silence()
            }
        }
        if launcherHasEvents || launcher?.deadline != nil { handleLauncherEvents() }
        if timeHasPassed { handleTime() }
    }

    private func handleTime() {
        // What has ended has ended in time, if that has been said before its time was looked at.
        _ = receiveReplies()
        locked { $0.alarmTime = .max }
        withCore { core, aftermath in core.timePassed(&aftermath) }
    }

    private func timeoutMilliseconds() -> Int32 {
        let deadlines = [launcher?.deadline, memoryWatch?.nextLook, postponedStarts.nextTry, nextStartLimit]
        guard let deadline = deadlines.compactMap(\.self).min() else { return -1 }
        let now = monotonicNanoseconds()
        return deadline <= now ? 0 : Int32(clamping: (deadline - now) / 1_000_000 + 1)
    }

    func leave() {
        launcher?.close()
        relay.close()
        timers.close()
        judges.close()
        callbacks.close()
        let waiters = locked { shared in
            shared.isGone = true
            defer { shared.waiters = [] }
            return shared.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
