extension PoolStateMachine {
    /// Everything that must hold after each event; for tests.
    package mutating func checkInvariants() {
        precondition(
            startingCount == workers.elements.count { $0.element.state == .starting },
            "starting workers are counted"
        )
        precondition(
            workers.elements.count { $0.element.isActive } <= configuration.maxWorkers,
            "more workers than there may be"
        )
        var held = 0
        for (id, worker) in workers.elements {
            precondition(worker.id == id, "a worker knows its number")
            check(worker)
            for case let task? in worker.inFlight.map(\.task) {
                precondition(tasks[task]?.state == .inFlight(id), "a worker holds a task that is not there")
                held += 1
            }
        }
        let waiting = backlog.filter { tasks[$0]?.state == .queued }
        precondition(waiting.count == backlogCount && Set(waiting).count == waiting.count, "the backlog is counted")
        let elsewhere = tasks.elements.count { task in
            switch task.element.state {
            case .waiting, .inQuestion: true
            case .queued, .inFlight: false
            }
        }
        precondition(held + backlogCount + elsewhere == tasks.count, "each task is in one place")
        precondition(
            timedCount == tasks.elements.count { $0.element.limits != nil }
                + workers.elements.count { $0.element.ladder != nil }
                + workers.elements.count { $0.element.state == .stopping },
            "what time matters to is counted"
        )
        precondition(
            isBatching || !isWaitingForWorkers || (idle.isEmpty && workers.count > 0),
            "tasks would be left where they are although a worker could be given them"
        )
        precondition(
            isBatching || !isWaitingForWorkers
                || workers.elements.allSatisfy { $0.element.state != .ready || !$0.element.inFlight.isEmpty },
            "tasks would be left where they are although nothing will be heard of a worker"
        )
        checkIdle()
        checkStarts()
    }

    private mutating func checkStarts() {
        if let end = startBackoff.end {
            precondition(workers.count > 0, "it is waited while nobody does the work")
            precondition(end <= now + configuration.longestStartPause, "it is waited for longer than it may")
            let next = nextTime
            precondition(next.map { $0 <= end } == true, "nobody would end the pause")
        }
        guard life == .open, canStartWorkers, workers.count < configuration.maxWorkers else { return }
        let ahead = workers.elements.reduce(0) { $0 + max(0, $1.element.liveCount - 1) }
        precondition(
            ahead <= vacantCount || areStartsHeldBack,
            "a task waits behind another although there could be one more worker"
        )
        precondition(
            backlogCount <= vacantCount || areStartsHeldBack,
            "a task waits although there could be one more worker"
        )
    }

    private func check(_ worker: Worker) {
        precondition(worker.liveCount == worker.inFlight.count { $0.task != nil }, "live tasks are counted")
        precondition(
            worker.room == configuration.channelRoom - worker.inFlight.reduce(0) { $0 + $1.cost },
            "room is counted"
        )
        precondition(worker.room >= 0, "a channel holds more than it can")
        precondition(
            worker.state != .starting || worker.inFlight.isEmpty || isOneTaskPerWorker,
            "a worker that is being started has a task that another could have"
        )
        precondition(worker.inFlight.count <= configuration.prefetch, "a worker holds more than it may")
        if let most = configuration.maxTasksPerWorker {
            precondition(worker.finishedCount + worker.liveCount <= most, "a worker gets more tasks than it may")
        }
        if let ladder = worker.ladder {
            precondition(worker.liveCount == 1 || ladder.step == .beginning, "only what is to stop is at risk")
            precondition(ladder.step != .killed || worker.state == .doomed, "who was killed gets nothing more")
        }
    }

    private func checkIdle() {
        precondition(Set(idle).count == idle.count, "an idle worker is listed once")
        for id in idle {
            precondition(
                workers[id]?.state == .ready && workers[id]?.inFlight.isEmpty == true,
                "an idle worker has nothing to do"
            )
        }
        if backlogCount > 0, life == .open {
            precondition(idle.isEmpty, "a task waits although a worker is idle")
            precondition(workers.count > 0, "a task waits and no worker will come")
        }
    }
}
