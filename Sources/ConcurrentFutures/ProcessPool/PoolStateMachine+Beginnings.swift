// Finding workers that do not begin what they were given: their processes were stopped, or hang.

extension PoolStateMachine {
    /// When it is to be looked whether workers begin what they were given.
    enum BeginningsCheck: Equatable {
        /// None has been given anything since it was last looked.
        case none
        /// One has. When that was, nobody knows: to read the clock for each task would be dearer than all else here.
        case wanted
        case due(at: UInt64)

        var time: UInt64? {
            guard case .due(let time) = self else { return nil }
            return time
        }
    }

    /// Whether ``planBeginningsCheck()`` is to be called, with the time being told before.
    package var wantsBeginningsCheck: Bool { beginningsCheck == .wanted }

    package mutating func planBeginningsCheck() {
        if wantsBeginningsCheck { beginningsCheck = .due(at: now + configuration.timeToBegin) }
    }

    /// A worker has not begun the oldest that it was given, nor passed over it.
    package mutating func hasNotBegun(_ id: WorkerID, actions: inout Actions) {
        guard let worker = workers[id], worker.mayBegin else { return }
        // Seen once it may have been given that a moment ago.
        guard worker.unbegunAt == worker.leftCount else {
            workers[id]!.unbegunAt = worker.leftCount
            beginningsCheck = .wanted
            return
        }
        // A worker that has nothing else to do begins at once, unless the machine is very busy; and should it only have been slow,
        // nothing is lost but a worker, because no task is left to it that it could begin now.
        guard worker.liveCount > 0 else { return doom(worker, &actions) }
        workers[id]!.isStuck = true
        revoke(worker.inFlight.compactMap(\.task), from: id, &actions)
        actions.append(.lookWhetherBegun(id))
    }

    mutating func checkBeginnings(_ actions: inout Actions) {
        guard let time = beginningsCheck.time, time <= now else { return }
        beginningsCheck = .none
        for (id, worker) in workers.elements where worker.mayBegin { actions.append(.lookWhetherBegun(id)) }
    }

    mutating func wantBeginningsCheck(of worker: Worker) {
        if beginningsCheck == .none, worker.mayBegin { beginningsCheck = .wanted }
    }
}

extension PoolStateMachine.Worker {
    /// Whether it has something to begin. Who is on a ladder has begun, and is looked after.
    fileprivate var mayBegin: Bool { state == .ready && ladder == nil && !inFlight.isEmpty }
}
