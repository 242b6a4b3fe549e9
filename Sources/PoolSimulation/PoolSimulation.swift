import ConcurrentFutures

/// A world of workers that do whatever workers can do, in an order that a seed decides, around a pool's state machine.
///
/// It stops the program where something does not hold that always has to.
package struct PoolSimulation: ~Copyable {
    /// How a task may end.
    package enum Fate: String, CaseIterable {
        case finished, cancelled, crashed, broken, shutDown, unsendable
        case ranTooLong, missedDeadlineWaiting, missedDeadlineRunning
    }

    struct TaskRecord {
        var itemCount: Int
        var limits: TaskLimits?
        /// How long it waits before it is run again.
        var backoff: UInt64
        /// Whether it came in after a shutdown.
        var cameTooLate = false
        var starts = 0
        /// How often it may be begun: once, and again for each time that it was given back to be run again.
        var licences = 1
        /// How many attempts have failed at it, or at a batch's current item.
        var failures = 0
        /// When it, or a batch's current item, was begun last.
        var startedAt: UInt64 = 0
        /// It must not be begun again before this.
        var notBefore: UInt64 = 0
        var cancelledAt: UInt64?
        var couldNotBeSent = false
        var wasInQuestion = false
        /// How the attempt failed after which there is no other.
        var lastFailure: Failure?

        var isCancelled: Bool { cancelledAt != nil }
    }

    enum Failure { case crash, timeout }

    var generator: SeededGenerator
    var configuration: PoolStateMachine.Configuration
    var machine: PoolStateMachine
    var actions: PoolStateMachine.Actions = []
    var workers: [WorkerID: SimulatedWorker] = [:]
    var records: [TaskID: TaskRecord] = [:]
    /// In the order in which they were submitted.
    var submitted: [TaskID] = []
    var inQuestion: [TaskID] = []
    var clock: UInt64 = 1000
    /// How each task has ended.
    package internal(set) var fates: [TaskID: Fate] = [:]
    var hasStopped = false
    var isInBatch = false
    var isShutDown = false
    var isTerminated = false
    var terminatedAt: UInt64 = 0
    var cancelsPending = false
    /// Deaths of workers that were not ready or had begun nothing of what they had, while no other lived, without any task having ended in between.
    var deathsInVain = 0
    /// When a worker last died so while another one lived.
    var heldBackAt: UInt64?
    /// Whether none has got ready since.
    var isProbing = false
    var cannotStartWorkers = false
    var isBroken = false
    /// One step in so many is a worker's death.
    let deathRate: Int

    package init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        let maxWorkers = Int.random(in: 1...5, using: &generator)
        configuration = PoolStateMachine.Configuration(
            maxWorkers: maxWorkers,
            minWorkers: Int.random(in: 0...maxWorkers, using: &generator),
            prefetch: Int.random(in: 1...6, using: &generator),
            channelRoom: 100,
            gracePeriod: [0, 1, 20, 100].randomElement(using: &generator)!,
            timeToBegin: [5, 100, 1000].randomElement(using: &generator)!,
            timeAhead: [1, 20, 1000].randomElement(using: &generator)!,
            timeUntilHeldUp: [1, 20, 1000].randomElement(using: &generator)!,
            startPause: [1, 5, 50].randomElement(using: &generator)!,
            longestStartPause: [50, 200].randomElement(using: &generator)!,
            maxTasksPerWorker: [nil, nil, 1, 3].randomElement(using: &generator)!,
            idleTimeout: [nil, nil, 5, 50].randomElement(using: &generator)!
        )
        machine = PoolStateMachine(configuration: configuration)
        machine.now = clock
        deathRate = [2, 5, 12, 50, 1000].randomElement(using: &generator)!
    }

    /// Runs so many random events, then ends the pool and lets everything come to rest.
    package mutating func run(events: Int) {
        machine.start(actions: &actions)
        settle()
        for _ in 0..<events { randomEvent() }
        if !isShutDown { shutDown() }
        if chance(1, in: 4) { terminate() }
        if !isTerminated {
            // The others the pool has to find.
            for id in workers.keys where !workers[id]!.isIdleAtHeart { workers[id]!.isFrozen = false }
        }
        var rounds = 0
        while !hasStopped {
            rounds += 1
            precondition(rounds < 20_000, "the pool does not come to an end")
            if chance(1, in: 8) || !workers.values.contains(where: \.canDoAnything) { passTime() } else { advance() }
        }
        precondition(Set(fates.keys) == Set(submitted), "each task that came in has ended")
        precondition(workers.isEmpty, "no worker is left")
        precondition(machine.taskCount == 0 && machine.workerCount == 0, "nothing is left")
    }

    mutating func chance(_ share: Int, in whole: Int) -> Bool {
        Int.random(in: 0..<whole, using: &generator) < share
    }

    // MARK: Events

    private mutating func randomEvent() {
        switch Int.random(in: 0..<120, using: &generator) {
        case 0..<35: submit()
        case 35..<42: cancel()
        case 42..<52: passTime()
        case 52..<56: judge()
        case 56 where chance(1, in: 10): shutDown()
        case 57 where chance(1, in: 20): terminate()
        case 58 where chance(1, in: 50):
            cannotStartWorkers = true
            if chance(1, in: 2) {
                noteWhetherBroken()
                machine.cannotStartWorkers(actions: &actions)
            } else {
                isBroken = true
                machine.initializerFailed(actions: &actions)
            }
            settle()
        case 59: resize()
        case 60: freeze()
        default: advance()
        }
    }

    private mutating func submit() {
        let (limits, backoff) = randomLimits()
        let id = machine.submit(cost: Int.random(in: 1...60, using: &generator), limits: limits, actions: &actions)
        precondition(fates[id] == nil && records[id] == nil, "a task's number is never used twice")
        // A batch whose items may be run again for what they throw has only one.
        let isBatch = limits?.retry?.retriesError == nil && chance(1, in: 3)
        let itemCount = isBatch ? Int.random(in: 2...4, using: &generator) : 1
        records[id] = TaskRecord(itemCount: itemCount, limits: limits, backoff: backoff, cameTooLate: isShutDown)
        submitted.append(id)
        settle()
    }

    private mutating func randomLimits() -> (TaskLimits?, backoff: UInt64) {
        guard chance(1, in: 2) else { return (nil, 0) }
        let timeout: UInt64 = chance(1, in: 2) ? .random(in: 1...60, using: &generator) : 0
        let deadline: UInt64 = chance(1, in: 3) ? clock + .random(in: 0...150, using: &generator) : 0
        var policy: RetryPolicy?
        var delay: Int64 = 0
        if chance(1, in: 2) {
            delay = Int64.random(in: 0...20, using: &generator)
            let failures: [RetryPolicy.Failures] = [[], .crash, .timeout, [.crash, .timeout]]
            let asks = chance(1, in: 3)
            policy = RetryPolicy(
                maxAttempts: Int.random(in: 1...4, using: &generator),
                backoff: .constant(.nanoseconds(delay)),
                after: failures.randomElement(using: &generator)!
            )
            if asks { policy?.retriesError = { _ in true } }
        }
        return (TaskLimits(timeout: timeout, deadlineInstant: deadline, retry: policy), UInt64(delay))
    }

    private mutating func cancel() {
        guard let task = submitted.randomElement(using: &generator) else { return }
        if fates[task] == nil { noteCancelled(task) }
        let isKnown = machine.cancel(task, actions: &actions)
        precondition(isKnown == (fates[task] == nil), "a task can be cancelled until it has ended")
        settle()
    }

    private mutating func shutDown() {
        isShutDown = true
        cancelsPending = cancelsPending || Bool.random(using: &generator)
        machine.shutDown(cancelPending: cancelsPending, actions: &actions)
        settle()
    }

    private mutating func terminate() {
        isShutDown = true
        isTerminated = true
        for task in submitted where fates[task] == nil { noteCancelled(task) }
        let gracePeriod = UInt64.random(in: 0...50, using: &generator)
        terminatedAt = clock
        configuration.gracePeriod = min(configuration.gracePeriod, gracePeriod)
        machine.terminate(gracePeriod: gracePeriod, actions: &actions)
        settle()
    }

    private mutating func resize() {
        let count = Int.random(in: max(1, configuration.minWorkers)...6, using: &generator)
        configuration.maxWorkers = count
        machine.resize(to: count, actions: &actions)
        settle()
    }

    private mutating func freeze() {
        guard let id = workers.keys.sorted().randomElement(using: &generator) else { return }
        workers[id]!.isFrozen.toggle()
    }

    private mutating func judge() {
        guard let index = inQuestion.indices.randomElement(using: &generator) else { return }
        let task = inQuestion.remove(at: index)
        guard fates[task] == nil else { return }
        let isRunAgain = Bool.random(using: &generator)
        if isRunAgain { noteRetry(task) }
        machine.judged(task, isRunAgain: isRunAgain, actions: &actions)
        settle()
    }

    /// Lets some time pass, and everything happen when it is due.
    private mutating func passTime() {
        var end = clock + .random(in: 1...40, using: &generator)
        // Where nobody can do anything, only time helps.
        if !workers.values.contains(where: \.canDoAnything), let next = machine.nextTime { end = max(end, next) }
        while let next = machine.nextTime, next <= end, !hasStopped {
            clock = max(clock, next)
            machine.now = clock
            // As the driver does: what has been said counts before it is looked who is late.
            for id in workers.keys.sorted() { deliverAll(from: id) }
            machine.timePassed(actions: &actions)
            settle()
            precondition(machine.nextTime.map { $0 > clock } ?? true, "what is due is done")
            checkThatWorkersAreStarted()
        }
        clock = end
        machine.now = clock
        while !inQuestion.isEmpty, isShutDown { judge() }
    }

    /// Some worker does the next thing, is heard, or dies.
    private mutating func advance() {
        guard let id = workers.keys.sorted().randomElement(using: &generator) else { return }
        if chance(1, in: deathRate) || (workers[id]!.isKilled && chance(1, in: 2)) { return die(id) }
        if !workers[id]!.replies.isEmpty, chance(1, in: 2) {
            return chance(1, in: 3) ? deliverTogether() : deliver(from: id)
        }
        if !workers[id]!.isFrozen { work(id) }
    }

    /// The host reads some of what several workers have said, at once.
    private mutating func deliverTogether() {
        machine.beginBatch()
        isInBatch = true
        for id in workers.keys.sorted().shuffled(using: &generator) {
            for _ in 0..<Int.random(in: 0...4, using: &generator) where workers[id]?.replies.isEmpty == false {
                deliver(from: id)
            }
        }
        isInBatch = false
        machine.endBatch(actions: &actions)
        settle()
    }

    // MARK: What always holds

    mutating func settle() {
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
        // What holds between events need not within a batch of them.
        if isInBatch { return }
        machine.planBeginningsCheck()
        machine.checkInvariants()
        checkSteps()
    }
}
