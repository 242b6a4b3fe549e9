// How many tasks a worker is given in advance: many short ones, so that it never waits for the next, and few long ones, so that none waits behind
// another while a worker elsewhere has nothing to do.

extension PoolStateMachine {
    /// As long as nothing is known of what a worker runs.
    static let firstDepth = 16
    /// So that one waits when the other ends.
    private static let leastDepth = 2

    /// Several events of the same moment follow; ``now`` has been told.
    package mutating func beginBatch() {
        isBatching = true
    }

    /// All of them have been told.
    package mutating func endBatch(actions: inout Actions) {
        for (_, worker) in workers.elements where worker.finishedLately > 0 { adaptDepth(of: worker) }
        if backlogCount > 0, nextLookForHeldUp <= now { takeBackFromHeldUp(&actions) }
        isBatching = false
        guard needsDispatch else { return }
        needsDispatch = false
        knowsTime = true
        defer { knowsTime = false }
        dispatch(&actions)
        if backlogCount == 0, !idle.isEmpty { rebalance(&actions) }
    }

    /// Learns from how fast a worker has been since it was last looked at.
    private func adaptDepth(of worker: Worker) {
        defer {
            worker.finishedLately = 0
            worker.lastProgress = now
            worker.startsAfresh = false
        }
        if worker.startsAfresh { return }
        let elapsed = now > worker.lastProgress ? now - worker.lastProgress : 1
        let fitting = configuration.timeAhead * UInt64(worker.finishedLately) / elapsed
        let wanted = min(max(Int(clamping: fitting), Self.leastDepth), configuration.prefetch)
        // One long task among short ones, or a short pause, does not mean much.
        worker.depth = wanted > worker.depth ? min(wanted, worker.depth * 2) : (worker.depth + wanted) / 2
    }

    /// Other workers have got on since, so the machine is not to blame.
    private mutating func takeBackFromHeldUp(_ actions: inout Actions) {
        nextLookForHeldUp = now + configuration.timeUntilHeldUp
        for (id, worker) in workers.elements
        where worker.state == .ready && worker.ladder == nil && worker.liveCount > 1 {
            guard worker.leftCount == worker.leftCountAtLook else {
                worker.leftCountAtLook = worker.leftCount
                continue
            }
            worker.depth = min(Self.leastDepth, configuration.prefetch)
            // Of very many half, so that the last of them is not held up ten times as long as the first.
            let most = max(Self.mostTakenBackAtOnce, worker.liveCount / 2)
            let behind = worker.inFlight.compactMap(\.task).dropFirst().prefix(most)
            revoke(behind.filter { tasks[$0]!.stop == nil }, from: id, &actions)
        }
    }
}
