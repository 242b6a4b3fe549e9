// Taking what workers reply: by the pool's thread or, while it would only wait for a task, by a thread of the program. The latter spares two changes of
// thread, which take many times as long as the task's way there and back.

extension PoolDriver {
    /// What came of looking for replies.
    enum Look {
        case found, nothing
        /// Another thread is at it.
        case leftToOther
    }

    /// For the pool's thread, which looks again if there is nothing, or sleeps.
    ///
    /// - Parameter inAnyCase: whether also if another thread looks: it may have been kept from that for long.
    func lookForReplies(inAnyCase: Bool) -> Look {
        var isLeftToOther = false
        let aftermath = reception.withLock { reception -> Aftermath? in
            isLeftToOther = reception.isLookedAt && !inAnyCase
            return isLeftToOther ? nil : receive(&reception, includingStarts: true)
        }
        guard let aftermath else { return isLeftToOther ? .leftToOther : .nothing }
        finish(aftermath)
        return .found
    }

    /// Takes all that has come until now; for the pool's thread.
    ///
    /// - Parameter ended: a worker whose process has ended, so that it says nothing more.
    func receiveReplies(atEndOf ended: WorkerID? = nil) {
        let aftermath = reception.withLock { receive(&$0, includingStarts: true, atEndOf: ended) }
        guard let aftermath else { return }
        finish(aftermath)
    }

    /// Takes replies on the calling thread, which would only wait, until something is done or it is not worth while any more: for some 20 µs and, where
    /// there is always something to take, until ``longestHelp`` is over.
    ///
    /// - Returns: whether it is done; `false` also if another thread is at it.
    func receiveReplies(until isDone: () -> Bool) -> Bool {
        // The replies are for the process that made the pool.
        if isForked { return false }
        noteWait()
        let end = monotonicNanoseconds() + Self.longestHelp
        var triesLeft = Self.mostTries
        while true {
            guard let patience = reception.withLockIfAvailable({ $0.beginLooking() }), let patience else {
                triesLeft -= 1
                if triesLeft == 0 || isDone() { return isDone() }
                yieldProcessor()
                continue
            }
            let aftermath = look(patience, until: isDone, or: end)
            guard let aftermath else { return isDone() }
            // What has come is told when nothing depends on this thread any more: whoever is told may run at once, and wait for another task.
            finish(aftermath)
            if isDone() { return true }
            if monotonicNanoseconds() > end { return false }
        }
    }

    /// Looks until there is something, but not for long. The pool's thread leaves the looking to this one meanwhile, and yet has the reception between two
    /// looks if it needs it.
    ///
    /// - Returns: what comes of what was there; `nil` if it is done, or it was looked long enough.
    private func look(_ patience: Int, until isDone: () -> Bool, or end: UInt64) -> Aftermath? {
        var looks = 0
        while true {
            let aftermath = reception.withLockIfAvailable { receive(&$0, includingStarts: false) }
            if let aftermath, let aftermath {
                endLooking(inVain: false)
                return aftermath
            }
            looks += 1
            if looks > patience || isDone() || monotonicNanoseconds() > end {
                endLooking(inVain: looks > patience)
                return nil
            }
            yieldProcessor()
        }
    }

    /// Sees to it that whatever comes from now on, or has come meanwhile, is taken, by the next one who looks or by the pool's thread.
    private func endLooking(inVain: Bool) {
        // What is there already rings no more.
        if !reception.withLock({ $0.endLooking(inVain: inVain) }) { bell.ring() }
    }

    /// How often a thread tries to be the one that looks, which the pool's thread keeps it from for no longer than a look.
    private static let mostTries = 4

    /// In nanoseconds. It may be the thread of the main actor, or one of the few that all tasks of the program share.
    private static let longestHelp: UInt64 = 100_000

    /// Takes what has come, and has the state machine told of it.
    ///
    /// - Returns: `nil` if there is nothing.
    private func receive(
        _ reception: inout Reception,
        includingStarts: Bool,
        atEndOf ended: WorkerID? = nil
    ) -> Aftermath? {
        guard reception.collect(includingStarts: includingStarts, atEndOf: ended) else { return nil }
        var aftermath = Aftermath()
        decide(&aftermath) { core, aftermath in
            core.beginBatch()
            for batch in reception.batches {
                do throws(ChannelFailure) {
                    try reception.replies.withUnsafeBufferPointer { replies throws(ChannelFailure) in
                        try take(replies[batch.range], from: batch.link, &core, &aftermath)
                    }
                } catch {
                    reception.misbehaved(batch.link, error)
                }
            }
            for id in reception.takeSenseless() { core.putDown(id, &aftermath) }
            core.endBatch(&aftermath)
        }
        reception.removeReplies()
        return aftermath
    }

    /// Has the core told what one worker has replied.
    ///
    /// - Throws: if something makes no sense. What the worker said before it went mad counts; what it said after it does not.
    private func take(
        _ replies: Slice<UnsafeBufferPointer<Reply>>,
        from link: WorkerLink,
        _ core: inout PoolCore,
        _ aftermath: inout Aftermath
    ) throws(ChannelFailure) {
        let worker = core.worker(link.id)
        // In place: a copy of each would be 2 % of what the driver does.
        for index in replies.indices {
            let kind = replies[index].kind
            if kind.isAboutStart { try noteStart(replies[index], link) }
            if kind == .initializerFailed {
                // It ends by itself; what it wrote last is known once it has.
                core.putDown(link.id, &aftermath)
            } else if let worker {
                guard link.isReady else {
                    throw ChannelFailure(message: "it answered before it had said that it stands ready")
                }
                core.prefetchRecords(of: worker)
                try core.received(replies[index], from: worker, &aftermath)
            }
        }
    }

    /// Notes what a worker says of its start; on the pool's thread.
    private func noteStart(_ reply: Reply, _ link: WorkerLink) throws(ChannelFailure) {
        guard reply.kind == .ready else { return try link.receivedInitializerFailure(reply.payload) }
        link.isReady = true
        link.mustBeReadyBy = nil
        launchersLostInVain = 0
        guard memoryWatch != nil else { return }
        let payload = try reply.payload
        guard payload.count == 8 else { throw ChannelFailure(message: "it did not tell its memory") }
        memoryWatch?.add(link.id, baseline: payload.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    }
}
