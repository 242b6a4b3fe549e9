import Testing

@testable import ConcurrentFutures

@Suite("The only task of a worker that is being started", .fewAtOnce, .timeLimit(.minutes(2)))
struct TasksInAdvanceTests {
    typealias Bench = PoolStateMachineTests.Bench

    /// Submits so many tasks to a machine of one worker a task, which starts workers for them.
    private func submit(_ count: Int, to bench: inout Bench) -> [TaskID] {
        let tasks = (0..<count).map { _ in bench.machine.submit(cost: 1, actions: &bench.actions) }
        let startCount = bench.take().count { if case .startWorker = $0 { true } else { false } }
        #expect(startCount == bench.machine.workerCount)
        return tasks
    }

    @Test("is sent to it as soon as it can be; a worker that may have several gets none before it stands ready")
    func sent() {
        var bench = Bench(maxWorkers: 2, maxTasksPerWorker: 1)
        let tasks = submit(3, to: &bench)
        bench.machine.workerReachable(1, actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[0], to: 1)])
        bench.machine.workerReachable(1, actions: &bench.actions)
        bench.machine.workerReady(1, actions: &bench.actions)
        #expect(bench.take() == [])
        bench.machine.workerReady(0, actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[1], to: 0)])
        bench.machine.finished(by: 1, isInQuestion: false, actions: &bench.actions)
        #expect(bench.take() == [.stopWorker(1)])
        bench.machine.checkInvariants()

        var other = Bench(maxWorkers: 1, maxTasksPerWorker: 2)
        _ = other.machine.submit(cost: 1, actions: &other.actions)
        other.machine.workerReachable(0, actions: &other.actions)
        #expect(other.take() == [.startWorker(0)])
    }

    @Test("comes before all others again if the start is put off")
    func putOff() {
        var bench = Bench(maxWorkers: 1, maxTasksPerWorker: 1)
        let tasks = submit(2, to: &bench)
        bench.machine.workerReachable(0, actions: &bench.actions)
        bench.machine.startPostponed(0, actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[0], to: 0)])
        bench.machine.checkInvariants()
        bench.machine.workerReachable(0, actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[0], to: 0)])
        bench.machine.checkInvariants()
    }

    @Test("goes to another one that is idle first")
    func taken() {
        var bench = Bench(maxWorkers: 2, maxTasksPerWorker: 1)
        let tasks = submit(2, to: &bench)
        for id in UInt64(0)...1 { bench.machine.workerReachable(id, actions: &bench.actions) }
        #expect(bench.take() == [.send(tasks[0], to: 0), .send(tasks[1], to: 1)])
        #expect(bench.machine.cancel(tasks[0], actions: &bench.actions))
        #expect(bench.machine.revocation(of: tasks[0], from: 0, actions: &bench.actions) == 0)
        bench.machine.revoked(tasks[0], actions: &bench.actions)
        bench.machine.workerReady(0, actions: &bench.actions)
        #expect(bench.take() == [.revoke(tasks[0], from: 0), .complete(tasks[0], .cancelled)])
        #expect(bench.machine.passedOver(by: 0, actions: &bench.actions))
        #expect(bench.take() == [.revoke(tasks[1], from: 1)])
        bench.machine.revoked(tasks[1], actions: &bench.actions)
        #expect(bench.take() == [.send(tasks[1], to: 0)])
        bench.machine.checkInvariants()
    }

    @Test("is taken back from one that is not wanted any more, or ended by it first", arguments: [false, true])
    func dismissed(hasBegun: Bool) {
        var bench = Bench(maxWorkers: 2, maxTasksPerWorker: 1)
        let tasks = submit(2, to: &bench)
        for id in UInt64(0)...1 { bench.machine.workerReachable(id, actions: &bench.actions) }
        bench.machine.resize(to: 1, actions: &bench.actions)
        #expect(bench.take().last == .revoke(tasks[0], from: 0))
        if hasBegun {
            bench.machine.revokeCameTooLate(tasks[0], actions: &bench.actions)
            bench.machine.workerReady(0, actions: &bench.actions)
            #expect(bench.take() == [])
            bench.machine.finished(by: 0, isInQuestion: false, actions: &bench.actions)
            #expect(bench.take() == [.stopWorker(0)])
        } else {
            bench.machine.revoked(tasks[0], actions: &bench.actions)
            #expect(bench.take() == [.killWorker(0)])
        }
        bench.machine.checkInvariants()
    }

    // P4
    @Test(
        "fares like any other",
        arguments: [
            ProcessPoolOptions(maxTasksPerWorker: 1),
            // Where a worker has something to say first.
            ProcessPoolOptions(maxTasksPerWorker: 1, memoryLimit: 512 << 20),
        ],
        StartMethod.allCases
    )
    func real(options: ProcessPoolOptions, method: StartMethod) async throws {
        let directory = try TemporaryDirectory()
        let initializer = StartupCall.call(StartupWork.noteOnly, "initialized", directory.file("log"))
        for initializer in [nil, initializer] {
            try await withProcessPool(
                maxWorkers: 2,
                startMethod: method,
                initializer: initializer,
                options: options
            ) { pool async throws in
                let pids = (0..<10).map { pool.submit(ProcessWork.pid, $0) }
                let crash = pool.submit(ProcessWork.die, .trap)
                let late = pool.submit(StoppingWork.spin, 60_000, timeout: .milliseconds(50))
                let unwanted = (0..<10).map { pool.submit(ProcessWork.pid, $0) }
                for future in unwanted { future.cancel() }
                var seen: Set<Int32> = []
                for future in pids { seen.insert(try await future.value) }
                #expect(seen.count == 10)
                #expect((await crash.result.error as? PoolError)?.code == .workerCrashed)
                #expect((await late.result.error as? PoolError)?.code == .timedOut)
                for future in unwanted { _ = await future.result }
                #expect(try await pool.run(Work.square, 3) == 9)
            }
        }
    }

    private static func sum(_ bytes: [UInt8]) -> Int { bytes.reduce(0) { $0 &+ Int($1) } }

    @Test("is not lost with a start for which there was no room")
    func noRoom() async throws {
        let options = ProcessPoolOptions(maxTasksPerWorker: 1)
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            #expect(try await pool.run(Work.answer) == 42)
            let forkServer = try #require(pool.forkServerPid)
            let earlier = limitDescriptors(of: forkServer, to: 1)
            let bytes = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* $0) }
            let futures = (0..<3).map { _ in pool.submit(Self.sum, bytes) }
            // Long enough for the start to fail, which takes a millisecond, and far too short for the pool to give up.
            try await Task.sleep(for: .milliseconds(60))
            #expect(futures.allSatisfy { !$0.isDone })
            _ = limitDescriptors(of: forkServer, to: earlier)
            for future in futures { #expect(try await future.value == Self.sum(bytes)) }
        }
    }
}
