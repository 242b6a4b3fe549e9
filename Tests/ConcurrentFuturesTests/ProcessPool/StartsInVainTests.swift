import Testing

@testable import ConcurrentFutures

@Suite("A pool that starts workers in vain", .timeLimit(.minutes(5)))
struct StartsInVainTests {
    private typealias Bench = PoolStateMachineTests.Bench

    private func failStart(of id: WorkerID, _ bench: inout Bench) {
        bench.machine.workerEnded(id, victim: nil, continues: false, isKeepersFault: false, actions: &bench.actions)
        bench.machine.checkInvariants()
    }

    private func starts(_ actions: PoolStateMachine.Actions) -> [WorkerID] {
        actions.compactMap { if case .startWorker(let id) = $0 { id } else { nil } }
    }

    @Test("while a worker lives, starts in vain are tried again, less and less often, however many tasks end meanwhile")
    func startsInVain() throws {
        var bench = Bench(maxWorkers: 2)
        _ = bench.machine.submit(cost: 1, actions: &bench.actions)
        bench.machine.workerReady(0, actions: &bench.actions)
        _ = bench.machine.submit(cost: 1, actions: &bench.actions)
        var started = starts(bench.take())
        #expect(started == [0, 1])
        var pauses: [UInt64] = []
        var shortagesTold: [Int] = []
        for round in 0..<10 {
            failStart(of: try #require(started.last), &bench)
            let actions = bench.take()
            if actions.contains(.tellShortage) { shortagesTold.append(round) }
            #expect(starts(actions) == [])
            // They want another worker each, and do not get it.
            for _ in 0..<20 {
                _ = bench.machine.submit(cost: 1, actions: &bench.actions)
                bench.machine.finished(by: 0, isInQuestion: false, actions: &bench.actions)
            }
            #expect(starts(bench.take()) == [])
            let end = bench.machine.nextTime!
            pauses.append(end - bench.machine.now)
            bench.machine.now = end
            bench.machine.timePassed(actions: &bench.actions)
            started = starts(bench.take())
            #expect(started.count == 1)
        }
        #expect(pauses == [50, 100, 200, 400, 800, 1600, 3200, 4000, 4000, 4000].map { $0 * 1_000_000 })
        #expect(shortagesTold == [1])
        bench.machine.workerReady(try #require(started.last), actions: &bench.actions)
        #expect(bench.machine.nextTime == nil && bench.machine.workerCount == 2)
    }

    @Test("after a start in vain workers are started one by one, until one is ready")
    func probing() throws {
        var bench = Bench(maxWorkers: 5)
        for _ in 0..<5 { _ = bench.machine.submit(cost: 1, actions: &bench.actions) }
        bench.machine.workerReady(0, actions: &bench.actions)
        _ = bench.take()
        for id in WorkerID(1)..<5 { failStart(of: id, &bench) }
        // They were on their way together, so that is one shortage of a moment.
        #expect(!bench.take().contains(.tellShortage))
        bench.machine.now = bench.machine.nextTime!
        #expect(bench.machine.now == 50_000_000)
        bench.machine.timePassed(actions: &bench.actions)
        let next = starts(bench.take())
        #expect(next.count == 1)
        bench.machine.workerReady(try #require(next.first), actions: &bench.actions)
        #expect(starts(bench.take()).count == 3)
    }

    @Test("where the last worker ends it is tried at once to start others, before the pool is broken")
    func lastOneEnds() throws {
        var bench = Bench(maxWorkers: 2)
        let first = bench.machine.submit(cost: 1, actions: &bench.actions)
        bench.machine.workerReady(0, actions: &bench.actions)
        _ = bench.machine.submit(cost: 1, actions: &bench.actions)
        failStart(of: 1, &bench)
        _ = bench.take()
        bench.machine.workerEnded(
            0,
            victim: .failed(isTimeout: false, isRunAgain: false),
            continues: false,
            isKeepersFault: false,
            actions: &bench.actions
        )
        var actions = bench.take()
        #expect(actions.first == .complete(first, .crashed))
        for _ in 0..<PoolStateMachine.mostDeathsInVain {
            failStart(of: try #require(starts(actions).first), &bench)
            actions = bench.take()
        }
        #expect(starts(actions) == [] && bench.machine.taskCount == 0)
    }

    @Test("workers that keep dying before they are ready break the pool, and everything that waits learns it")
    func breaks() {
        var bench = Bench(maxWorkers: 1)
        let task = bench.machine.submit(cost: 1, actions: &bench.actions)
        for _ in 0..<PoolStateMachine.mostDeathsInVain {
            let actions = bench.take()
            guard actions.count == 1, case .startWorker(let id) = actions[0] else {
                Issue.record("\(actions)")
                return
            }
            bench.machine.workerEnded(
                id,
                victim: nil,
                continues: false,
                isKeepersFault: false,
                actions: &bench.actions
            )
        }
        #expect(bench.take() == [.complete(task, .broken)])
        let late = bench.machine.submit(cost: 1, actions: &bench.actions)
        #expect(bench.take() == [.complete(late, .broken)])
    }
}
