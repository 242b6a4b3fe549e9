// What the driver's thread does: it carries out orders, takes replies, and sleeps until there is something to do.

extension PoolDriver {
    private static let turnsBetweenEvents = 32

    func run() {
        SystemThread.blockSignals()
        var wait = AdaptiveWait()
        var busyTurns = 0
        var wasLeftToOther = false
        while true {
            if hasOrders.exchange(false, ordering: .sequentiallyConsistent) {
                let (orders, isStopped) = locked { ($0.core.takeOrders(), $0.core.isStopped) }
                if isStopped { break }
                for order in orders { obey(order) }
            }
            watchMemory()
            watchStarts()
            switch lookForReplies(inAnyCase: wasLeftToOther) {
            case .found:
                wait.found()
                busyTurns += 1
                // One worker that always has something to say must not hide another's death.
                if busyTurns.isMultiple(of: Self.turnsBetweenEvents) {
                    endedLinks = []
                    handleEvents(timeoutMilliseconds: 0)
                }
            case .nothing where (wait.hasLooked || mayHearSoon) && wait.looksAgain():
                break
            case .nothing where hasChores:
                doChores()
                continue
            case .nothing, .leftToOther:
                let start = monotonicNanoseconds()
                wasLeftToOther = sleep()
                // A sleep without a look before says nothing of how long to look.
                if wait.hasLooked { wait.slept(nanoseconds: monotonicNanoseconds() - start) }
                continue
            }
            wasLeftToOther = false
        }
        leave()
    }

    /// Whether it is worth while to look for a reply rather than to be woken. It is not while all workers are being started or are ending, and where each has one
    /// task: starting and ending them takes a hundred times as long, and the processors are wanted for it.
    private var mayHearSoon: Bool {
        settings.options.maxTasksPerWorker != 1 && locked { $0.core.machine.isAnyWorkerBusy }
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
        case .putDown(let id): launcher?.kill(id)
        case .abandonWorkers: abandonWorkers()
        case .say(let text): relay.say("\(settings.name): \(text)\n")
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

    /// - Returns: whether another thread was looking for replies.
    private func sleep() -> Bool {
        var isLookedAt = false
        let isQuiet = reception.withLock { reception in
            isLookedAt = reception.isLookedAt
            // Who looks has workers ring when it ends.
            return isLookedAt || reception.haveWorkersRing()
        }
        var limit = isQuiet ? timeoutMilliseconds() : 0
        // The one who looks is the program's, and may be kept from it.
        if isLookedAt { limit = limit < 0 ? 1 : min(limit, 1) }
        handleEvents(timeoutMilliseconds: limit)
        return isLookedAt
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
        receiveReplies()
        locked { $0.alarmTime = .max }
        withCore { core, aftermath in core.timePassed(&aftermath) }
    }

    private func timeoutMilliseconds() -> Int32 {
        let deadlines = [launcher?.deadline, memoryWatch?.nextLook, postponedStarts.nextTry, nextStartLimit]
        guard let deadline = deadlines.compactMap(\.self).min() else { return -1 }
        let now = monotonicNanoseconds()
        return deadline <= now ? 0 : Int32(clamping: (deadline - now) / 1_000_000 + 1)
    }

    /// Whether the pool is to end soon, in whatever state its processes are.
    var isTerminated: Bool { locked { $0.core.machine.isTerminated } }

    func leave() {
        endedLinks = []
        spareChannel = nil
        waitForOthersToFinish()
        launcher?.close(inHaste: isTerminated)
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
