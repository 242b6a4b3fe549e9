import PoolSimulation
import Testing

@testable import ConcurrentFutures

@Suite("The pool's state machine", .timeLimit(.minutes(5)))
struct PoolStateMachineTests {
    @Test("whatever happens in whatever order, every invariant holds, and tasks meet every fate that a task can have")
    func simulation() async {
        var seen: Set<PoolSimulation.Fate> = []
        // `swift run -c release simulate` runs more of them, and faster.
        for seed in UInt64(0)..<1_000 {
            var simulation = PoolSimulation(seed: seed)
            simulation.run(events: 150)
            seen.formUnion(simulation.fates.values)
            // The threads that run tests are few.
            await Task.yield()
        }
        #expect(seen == Set(PoolSimulation.Fate.allCases))
    }

    struct Bench: ~Copyable {
        var machine: PoolStateMachine
        var actions: PoolStateMachine.Actions = []

        init(maxWorkers: Int, prefetch: Int = 8, maxTasksPerWorker: Int? = nil) {
            machine = PoolStateMachine(
                configuration: .init(
                    maxWorkers: maxWorkers,
                    prefetch: prefetch,
                    channelRoom: 1000,
                    maxTasksPerWorker: maxTasksPerWorker
                )
            )
        }

        mutating func take() -> PoolStateMachine.Actions {
            defer { actions = [] }
            return actions
        }
    }

    @Test("as many workers are started as there are tasks, before the first of them is ready")
    func startsInAdvance() {
        var bench = Bench(maxWorkers: 8)
        for count in 1...10 {
            _ = bench.machine.submit(cost: 1, actions: &bench.actions)
            let starts = bench.take().count { if case .startWorker = $0 { true } else { false } }
            #expect(starts == (count <= 8 ? 1 : 0), "at task \(count)")
        }
    }

    @Test("each worker that falls idle in one batch of replies is given something of what others hold in advance")
    func rebalancingOfSeveral() {
        var bench = Bench(maxWorkers: 4)
        for _ in 0..<4 { _ = bench.machine.submit(cost: 1, actions: &bench.actions) }
        let started = bench.take().compactMap { if case .startWorker(let id) = $0 { id } else { nil } }
        for id in started { bench.machine.workerReady(id, actions: &bench.actions) }
        for _ in 0..<4 { _ = bench.machine.submit(cost: 1, actions: &bench.actions) }
        // Two each. The last two workers end theirs, at the same moment.
        _ = bench.take()
        bench.machine.now = 1_000_000
        bench.machine.beginBatch()
        for id in started.suffix(2) {
            for _ in 0..<2 { bench.machine.finished(by: id, isInQuestion: false, actions: &bench.actions) }
        }
        bench.machine.endBatch(actions: &bench.actions)
        let sources = bench.take().compactMap { if case .revoke(_, let id) = $0 { id } else { nil } }
        #expect(Set(sources) == Set(started.prefix(2)))
    }

    @Test("what waits behind a long task goes elsewhere while others get on, also if more keeps coming")
    func heldUp() {
        var bench = Bench(maxWorkers: 2)
        for _ in 0..<40 { _ = bench.machine.submit(cost: 1, actions: &bench.actions) }
        let started = bench.take().compactMap { if case .startWorker(let id) = $0 { id } else { nil } }
        for id in started { bench.machine.workerReady(id, actions: &bench.actions) }
        _ = bench.take()
        // The first ends nothing.
        var isTakenBack = false
        for turn in UInt64(1)...4 {
            bench.machine.now = turn * 20_000_000
            bench.machine.beginBatch()
            bench.machine.finished(by: started[1], isInQuestion: false, actions: &bench.actions)
            _ = bench.machine.submit(cost: 1, actions: &bench.actions)
            bench.machine.endBatch(actions: &bench.actions)
            for case .revoke(_, started[0]) in bench.take() { isTakenBack = true }
        }
        #expect(isTakenBack)
    }

    // E21
    @Test("an idle worker is used before a new one is started")
    func idleFirst() {
        var bench = Bench(maxWorkers: 4)
        let first = bench.machine.submit(cost: 1, actions: &bench.actions)
        #expect(bench.take() == [.startWorker(0)])
        bench.machine.workerReady(0, actions: &bench.actions)
        #expect(bench.take() == [.send(first, to: 0)])
        bench.machine.finished(by: 0, isInQuestion: false, actions: &bench.actions)
        let second = bench.machine.submit(cost: 1, actions: &bench.actions)
        #expect(bench.take() == [.send(second, to: 0)])
    }

    @Test("what is taken back keeps its order")
    func takenBackInOrder() {
        var bench = Bench(maxWorkers: 1)
        let tasks = (0..<4).map { _ in bench.machine.submit(cost: 1, actions: &bench.actions) }
        bench.machine.workerReady(0, actions: &bench.actions)
        _ = bench.machine.cancel(tasks[0], actions: &bench.actions)
        _ = bench.take()
        bench.machine.revokeCameTooLate(tasks[0], actions: &bench.actions)
        for case .revoke(let task, from: 0) in bench.take() { bench.machine.revoked(task, actions: &bench.actions) }
        bench.machine.gaveUp(by: 0, .ends(.cancelled), continues: false, actions: &bench.actions)
        let sent = bench.take().compactMap { if case .send(let task, to: 0) = $0 { task } else { nil } }
        #expect(sent == Array(tasks[1...]))
    }

    @Test("a pool that grows again keeps the workers that were to go")
    func growsAgain() {
        var bench = Bench(maxWorkers: 3)
        for _ in 0..<3 { _ = bench.machine.submit(cost: 1, actions: &bench.actions) }
        for id in WorkerID(0)..<3 { bench.machine.workerReady(id, actions: &bench.actions) }
        bench.machine.resize(to: 1, actions: &bench.actions)
        bench.machine.resize(to: 3, actions: &bench.actions)
        _ = bench.take()
        for id in WorkerID(0)..<3 { bench.machine.finished(by: id, isInQuestion: false, actions: &bench.actions) }
        #expect(bench.take() == [])
        #expect(bench.machine.workerCount == 3)
    }

    @Test("a termination is bounded by the pool's grace period, whatever it is asked for")
    func boundedTermination() {
        var bench = Bench(maxWorkers: 1)
        _ = bench.machine.submit(cost: 1, actions: &bench.actions)
        bench.machine.workerReady(0, actions: &bench.actions)
        bench.machine.now = 1_000_000_000
        bench.machine.terminate(gracePeriod: 60_000_000_000, actions: &bench.actions)
        // The grace period is a second, and two more are for the fork server.
        #expect(bench.machine.nextTime == 4_000_000_000)
    }

    // C1
    @Test("a worker that says something else each time cannot put off its timeout")
    func firstWordCounts() {
        var bench = Bench(maxWorkers: 1)
        bench.machine.now = 1000
        let limits = TaskLimits(timeout: 100, deadlineInstant: 0, retry: nil)
        _ = bench.machine.submit(cost: 1, limits: limits, actions: &bench.actions)
        bench.machine.workerReady(0, actions: &bench.actions)
        bench.machine.now = 1100
        bench.machine.observedStart(by: 0, at: 5000, actions: &bench.actions)
        #expect(bench.machine.nextTime == 1200)
        bench.machine.now = 1200
        _ = bench.take()
        bench.machine.observedStart(by: 0, at: 5000, actions: &bench.actions)
        #expect(bench.take() == [.climb(0)])
    }

    // C2
    @Test("an error thrown in time is told if the deadline passes while the policy is asked")
    func deadlineWhileAsked() {
        var bench = Bench(maxWorkers: 1)
        let policy = RetryPolicy(maxAttempts: 2, orIf: { _ in true })
        let limits = TaskLimits(timeout: 0, deadlineInstant: 100, retry: policy)
        let task = bench.machine.submit(cost: 1, limits: limits, actions: &bench.actions)
        bench.machine.workerReady(0, actions: &bench.actions)
        bench.machine.finished(by: 0, isInQuestion: true, actions: &bench.actions)
        _ = bench.take()
        bench.machine.now = 100
        bench.machine.timePassed(actions: &bench.actions)
        #expect(bench.take() == [.complete(task, .judged)])
    }

    @Test("the limits of tasks that have ended are forgotten, but for the last few")
    func forgetsLimits() throws {
        var bench = Bench(maxWorkers: 1)
        for n in 0..<UInt64(5_000) {
            let limits = TaskLimits(timeout: 0, deadlineInstant: 1_000_000 + n, retry: nil)
            _ = bench.machine.submit(cost: 1, limits: limits, actions: &bench.actions)
            if n == 0 { bench.machine.workerReady(0, actions: &bench.actions) }
            bench.machine.finished(by: 0, isInQuestion: false, actions: &bench.actions)
        }
        #expect(try #require(bench.machine.timers.next) >= 1_000_000 + 4_500)
        #expect(bench.machine.nextTime == nil)
    }

    @Test("what could not be sent for want of something is tried again while anything is in flight")
    func shortage() {
        var bench = Bench(maxWorkers: 1)
        let tasks = (0..<2).map { _ in bench.machine.submit(cost: 1, actions: &bench.actions) }
        bench.machine.workerReady(0, actions: &bench.actions)
        #expect(bench.take() == [.startWorker(0), .send(tasks[0], to: 0), .send(tasks[1], to: 0)])
        bench.machine.sendFailed(tasks[1], to: 0, isShortage: true, actions: &bench.actions)
        let third = bench.machine.submit(cost: 1, actions: &bench.actions)
        #expect(bench.take() == [.send(third, to: 0)])
        bench.machine.now = bench.machine.nextTime!
        bench.machine.timePassed(actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[1], to: 0)])
        for _ in 0..<2 { bench.machine.finished(by: 0, isInQuestion: false, actions: &bench.actions) }
        bench.machine.sendFailed(tasks[1], to: 0, isShortage: true, actions: &bench.actions)
        #expect(bench.take() == [.complete(tasks[1], .unsendable)])
        bench.machine.checkInvariants()
    }

    // D2
    @Test("a worker that does not begin what it was given loses it, and then ends; one that has begun is left alone")
    func beginnings() {
        var bench = Bench(maxWorkers: 2)
        let tasks = (0..<2).map { _ in bench.machine.submit(cost: 1, actions: &bench.actions) }
        for id in WorkerID(0)..<2 { bench.machine.workerReady(id, actions: &bench.actions) }
        #expect(bench.machine.nextTime == nil && bench.machine.wantsBeginningsCheck)
        bench.machine.now = 1_000_000_000
        bench.machine.planBeginningsCheck()
        #expect(bench.machine.nextTime == 3_000_000_000)
        _ = bench.take()

        bench.machine.now = 3_000_000_000
        bench.machine.timePassed(actions: &bench.actions)
        #expect(bench.take() == [.lookWhetherBegun(0), .lookWhetherBegun(1)])
        #expect(bench.machine.nextTime == nil && !bench.machine.wantsBeginningsCheck)
        // Nothing is told of the first one, which has begun; the other one may have got its task just now.
        bench.machine.hasNotBegun(1, actions: &bench.actions)
        #expect(bench.take() == [])
        bench.machine.planBeginningsCheck()
        bench.machine.now = 5_000_000_000
        bench.machine.timePassed(actions: &bench.actions)
        _ = bench.take()
        bench.machine.hasNotBegun(1, actions: &bench.actions)
        #expect(bench.take() == [.revoke(tasks[1], from: 1), .lookWhetherBegun(1)])
        bench.machine.revoked(tasks[1], actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[1], to: 0)])
        bench.machine.hasNotBegun(1, actions: &bench.actions)
        #expect(bench.take() == [.killWorker(1)])
    }

    // D2
    @Test("a worker that begins while its tasks are taken back is not ended")
    func beginsAtTheLastMoment() {
        var bench = Bench(maxWorkers: 1)
        let task = bench.machine.submit(cost: 1, actions: &bench.actions)
        bench.machine.workerReady(0, actions: &bench.actions)
        for _ in 0..<2 { bench.machine.hasNotBegun(0, actions: &bench.actions) }
        bench.machine.revokeCameTooLate(task, actions: &bench.actions)
        bench.machine.finished(by: 0, isInQuestion: false, actions: &bench.actions)
        _ = bench.take()
        let next = bench.machine.submit(cost: 1, actions: &bench.actions)
        #expect(bench.take() == [.send(next, to: 0)])
    }

    @Test("what a busy worker holds in advance is taken back for one that falls idle")
    func rebalances() {
        var bench = Bench(maxWorkers: 2)
        var tasks: [TaskID] = []
        for _ in 0..<2 { tasks.append(bench.machine.submit(cost: 1, actions: &bench.actions)) }
        for id in WorkerID(0)..<2 { bench.machine.workerReady(id, actions: &bench.actions) }
        for _ in 0..<4 { tasks.append(bench.machine.submit(cost: 1, actions: &bench.actions)) }
        _ = bench.take()
        for _ in 0..<3 { bench.machine.finished(by: 1, isInQuestion: false, actions: &bench.actions) }
        let revoked = bench.take().compactMap { if case .revoke(let task, from: 0) = $0 { task } else { nil } }
        #expect(revoked.count == 1)
        for task in revoked { bench.machine.revoked(task, actions: &bench.actions) }
        #expect(bench.take() == revoked.map { .send($0, to: 1) })
    }

    @Test("a dead worker's other tasks go to the next one in their order")
    func innocentTasksGoOn() {
        var bench = Bench(maxWorkers: 1)
        let tasks = (0..<3).map { _ in bench.machine.submit(cost: 1, actions: &bench.actions) }
        bench.machine.workerReady(0, actions: &bench.actions)
        _ = bench.take()
        let fate = bench.machine.fateOfVictim(of: 0, isKeepersFault: false)
        #expect(fate == .failed(isTimeout: false, isRunAgain: false))
        bench.machine.workerEnded(0, victim: fate, continues: false, isKeepersFault: false, actions: &bench.actions)
        let actions = bench.take()
        guard actions.count == 2, actions[0] == .complete(tasks[0], .crashed), case .startWorker(let next) = actions[1]
        else {
            Issue.record("\(actions)")
            return
        }
        bench.machine.workerReady(next, actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[1], to: next), .send(tasks[2], to: next)])
    }
}
