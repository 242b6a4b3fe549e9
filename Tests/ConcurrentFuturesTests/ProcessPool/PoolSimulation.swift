@testable import ConcurrentFutures

/// Random numbers that are the same for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// SplitMix64, by Sebastiano Vigna.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A world of workers that do whatever workers can do, in an order that a seed decides, around a pool's state machine.
struct PoolSimulation {
    /// What a simulated worker has, as its channel would show it.
    private struct World {
        struct Frame {
            var task: TaskID
            var isStarted = false
            var isRevoked = false
        }

        var isReady = false
        var mustStop = false
        var frames: [Frame] = []
    }

    enum Fate: Equatable {
        case finished, dropped, cancelled, crashed, broken, shutDown, unsendable
    }

    private var generator: SeededGenerator
    private let configuration: PoolStateMachine.Configuration
    private var machine: PoolStateMachine
    private var actions: PoolStateMachine.Actions = []
    private var worlds: [WorkerID: World] = [:]
    private var submitted: [TaskID] = []
    private var cancelRequested: Set<TaskID> = []
    private var crashedWhileRunning: Set<TaskID> = []
    private(set) var fates: [TaskID: Fate] = [:]
    private(set) var hasStopped = false
    private var isShutDown = false
    private var isBroken = false
    private var cancelsPending = false
    /// One step in so many is a worker's death.
    private let deathRate: Int

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        let maxWorkers = Int.random(in: 1...5, using: &generator)
        configuration = PoolStateMachine.Configuration(
            maxWorkers: maxWorkers,
            minWorkers: Int.random(in: 0...maxWorkers, using: &generator),
            prefetch: Int.random(in: 1...6, using: &generator),
            channelRoom: 100
        )
        machine = PoolStateMachine(configuration: configuration)
        deathRate = [1, 2, 5, 12, 50].randomElement(using: &generator)!
    }

    /// Runs so many random events, then shuts the pool down and lets everything end.
    mutating func run(events: Int) {
        machine.start(actions: &actions)
        settle()
        for _ in 0..<events { randomEvent() }
        if !isShutDown { shutDown() }
        var rounds = 0
        while !hasStopped {
            rounds += 1
            precondition(rounds < 10_000, "the pool does not come to an end")
            advance()
        }
        precondition(Set(fates.keys) == Set(submitted), "each task that came in has ended")
        precondition(worlds.isEmpty, "no worker is left")
        precondition(machine.taskCount == 0 && machine.workerCount == 0, "nothing is left")
    }

    // MARK: Events

    private mutating func randomEvent() {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<35: submit()
        case 35..<40: cancel()
        case 40 where Int.random(in: 0..<10, using: &generator) == 0: shutDown()
        case 42 where Int.random(in: 0..<20, using: &generator) == 0:
            for task in submitted where fates[task] == nil { cancelRequested.insert(task) }
            machine.cancelAll(actions: &actions)
            settle()
        case 41 where Int.random(in: 0..<50, using: &generator) == 0:
            machine.cannotStartWorkers(actions: &actions)
            settle()
        case 43 where Int.random(in: 0..<50, using: &generator) == 0:
            machine.initializerFailed(actions: &actions)
            settle()
            precondition(
                worlds.values.allSatisfy { world in world.frames.allSatisfy { $0.isStarted || $0.isRevoked } },
                "what has not begun when the initializer fails does not begin"
            )
        default: advance()
        }
    }

    private mutating func submit() {
        let id = machine.submit(cost: Int.random(in: 1...60, using: &generator), actions: &actions)
        precondition(fates[id] == nil && !submitted.contains(id), "a task's number is never used twice")
        submitted.append(id)
        settle()
    }

    private mutating func cancel() {
        guard let task = submitted.randomElement(using: &generator) else { return }
        let isKnown = machine.cancel(task, actions: &actions)
        precondition(isKnown == (fates[task] == nil), "a task can be cancelled until it has ended")
        if isKnown { cancelRequested.insert(task) }
        settle()
    }

    private mutating func shutDown() {
        isShutDown = true
        cancelsPending = Bool.random(using: &generator)
        machine.shutDown(cancelPending: cancelsPending, actions: &actions)
        settle()
    }

    /// Some worker does the next thing, or dies.
    private mutating func advance() {
        guard let id = worlds.keys.sorted().randomElement(using: &generator) else { return }
        if Int.random(in: 0..<deathRate, using: &generator) == 0 { return die(id) }
        guard worlds[id]!.isReady else {
            worlds[id]!.isReady = true
            machine.workerReady(id, actions: &actions)
            return settle()
        }
        guard let front = worlds[id]!.frames.first else {
            if worlds[id]!.mustStop { die(id) }
            return
        }
        if front.isRevoked {
            worlds[id]!.frames.removeFirst()
            precondition(machine.passedOver(by: id, actions: &actions), "a worker may pass over what was taken back")
        } else if !front.isStarted {
            worlds[id]!.frames[0].isStarted = true
        } else {
            worlds[id]!.frames.removeFirst()
            let ended = machine.finished(by: id, actions: &actions)
            precondition(ended?.task == front.task, "what ends is what ran")
            precondition(
                ended?.isCancelled == cancelRequested.contains(front.task),
                "only what was cancelled is dropped"
            )
            end(front.task, ended!.isCancelled ? .dropped : .finished)
        }
        settle()
    }

    private mutating func die(_ id: WorkerID) {
        let world = worlds.removeValue(forKey: id)!
        let running = world.frames.first.map { $0.isStarted && !$0.isRevoked } ?? false
        let continues = running && Int.random(in: 0..<4, using: &generator) == 0
        if running, !continues { crashedWhileRunning.insert(world.frames[0].task) }
        machine.workerEnded(
            id,
            running: running,
            continues: continues,
            isKeepersFault: Bool.random(using: &generator),
            actions: &actions
        )
        settle()
    }

    // MARK: Actions

    private mutating func settle() {
        var next = 0
        while next < actions.count {
            let action = actions[next]
            next += 1
            if hasStopped {
                guard case .complete(_, .shutDown) = action else {
                    preconditionFailure("after the end only refusals come")
                }
            }
            carryOut(action)
        }
        actions.removeAll()
        precondition(worlds.count <= configuration.maxWorkers, "never more workers than there may be")
        machine.checkInvariants()
    }

    private mutating func carryOut(_ action: PoolStateMachine.Action) {
        switch action {
        case .startWorker(let id):
            precondition(worlds.updateValue(World(), forKey: id) == nil, "a worker's number is never used twice")
        case .send(let task, let id):
            precondition(worlds[id]!.isReady && !worlds[id]!.mustStop, "tasks go to workers that can take them")
            if Int.random(in: 0..<200, using: &generator) == 0 {
                machine.sendFailed(task, to: id, actions: &actions)
            } else {
                worlds[id]!.frames.append(.init(task: task))
            }
        case .revoke(let task, let id):
            guard let (worker, index) = machine.place(of: task) else { return machine.revokeCameTooLate(task) }
            precondition(
                worker == id && worlds[id]!.frames[index].task == task,
                "what is taken back is where it is said to be"
            )
            if worlds[id]!.frames[index].isStarted || worlds[id]!.frames[index].isRevoked {
                machine.revokeCameTooLate(task)
            } else {
                worlds[id]!.frames[index].isRevoked = true
                machine.revoked(task, actions: &actions)
            }
        case .stopWorker(let id):
            worlds[id]!.mustStop = true
        case .killWorker(let id):
            // Its end comes as any other: at some time.
            worlds[id]!.mustStop = true
        case .complete(let task, let ending):
            switch ending {
            case .cancelled:
                precondition(cancelRequested.contains(task) || cancelsPending, "only what was cancelled ends so")
                end(task, .cancelled)
            case .crashed:
                precondition(crashedWhileRunning.contains(task), "only what ran in a dying worker crashes")
                end(task, .crashed)
            case .broken:
                isBroken = true
                end(task, .broken)
            case .shutDown:
                precondition(isShutDown, "only after a shutdown")
                end(task, .shutDown)
            case .unsendable: end(task, .unsendable)
            }
        case .stopped:
            hasStopped = true
        }
    }

    private mutating func end(_ task: TaskID, _ fate: Fate) {
        precondition(fates.updateValue(fate, forKey: task) == nil, "each task ends once")
    }
}
