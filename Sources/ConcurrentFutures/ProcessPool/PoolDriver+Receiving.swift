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
    func lookForReplies() -> Look {
        let aftermath = reception.withLockIfAvailable { reception in receive(&reception, includingStarts: true) }
        guard let aftermath else { return .leftToOther }
        guard let aftermath else { return .nothing }
        finish(aftermath)
        return .found
    }

    /// Takes all that has come until now; for the pool's thread.
    ///
    /// - Parameter ended: a worker whose process has ended, so that it says nothing more.
    func receiveReplies(atEndOf ended: WorkerID? = nil) {
        // Those who only help must not take it in turns while this thread waits.
        receptionIsWanted.store(true, ordering: .relaxed)
        let aftermath = reception.withLock { reception in
            receptionIsWanted.store(false, ordering: .relaxed)
            return receive(&reception, includingStarts: true, atEndOf: ended)
        }
        guard let aftermath else { return }
        finish(aftermath)
    }

    /// Takes replies on the calling thread, which would only wait, until something is done or it is not worth while any more: for some 20 µs and, where
    /// there is always something to take, not for much more than ``longestHelp``.
    ///
    /// - Returns: whether it is done; `false` also if another thread is at it.
    func receiveReplies(until isDone: () -> Bool) -> Bool {
        // The replies are for the process that made the pool.
        if isForked || receptionIsWanted.load(ordering: .relaxed) { return false }
        let end = monotonicNanoseconds() + Self.longestHelp
        var triesLeft = Self.mostTries
        while true {
            // What has come is told without the reception: whoever is told may wait for another task.
            let aftermath = reception.withLockIfAvailable { reception in
                waitForReplies(&reception, until: isDone, or: end)
            }
            guard let aftermath else {
                // The pool's thread has it for no longer than a look, and then leaves the looking to this one. Another that waits keeps it.
                triesLeft -= 1
                if triesLeft == 0 || isDone() { return isDone() }
                yieldProcessor()
                continue
            }
            guard let aftermath else { return isDone() }
            finish(aftermath)
            if isDone() { return true }
            if monotonicNanoseconds() > end || receptionIsWanted.load(ordering: .relaxed) { return false }
        }
    }

    /// - Returns: `nil` if it is done, or it was looked long enough.
    private func waitForReplies(
        _ reception: inout Reception,
        until isDone: () -> Bool,
        or end: UInt64
    ) -> Aftermath? {
        var looks = 0
        while true {
            if let aftermath = receive(&reception, includingStarts: false) {
                reception.looked(inVain: false)
                leave(&reception)
                return aftermath
            }
            looks += 1
            let isOver = monotonicNanoseconds() > end || receptionIsWanted.load(ordering: .relaxed)
            if isOver || looks > reception.patience || isDone() {
                reception.looked(inVain: looks > reception.patience)
                leave(&reception)
                return nil
            }
            yieldProcessor()
        }
    }

    /// Sees to it that whatever comes from now on, or has come meanwhile, is taken, by the next one who looks or by the pool's thread.
    private func leave(_ reception: inout Reception) {
        // What is there already rings no more.
        if !reception.haveWorkersRing() { bell.ring() }
    }

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
            // What a worker said before it went mad counts; what it said after it made no sense does not.
            var senseless: Set<WorkerID> = []
            for (link, reply) in reception.replies where senseless.isEmpty || !senseless.contains(link.id) {
                do throws(ChannelFailure) {
                    if reply.kind.isAboutStart { try noteStart(reply, link) }
                    if reply.kind == .initializerFailed {
                        // It ends by itself; what it wrote last is known once it has.
                        core.putDown(link.id, &aftermath)
                        continue
                    }
                    try core.received(reply, from: link.id, &aftermath)
                } catch {
                    senseless.insert(link.id)
                    reception.misbehaved(link, error)
                }
            }
            for id in reception.takeSenseless() { core.putDown(id, &aftermath) }
            core.endBatch(&aftermath)
        }
        reception.removeReplies()
        return aftermath
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
