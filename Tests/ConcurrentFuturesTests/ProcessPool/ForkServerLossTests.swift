import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("The loss of the fork server", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct ForkServerLossTests {
    private static func killForkServer(of pool: ProcessPoolExecutor) throws {
        kill(try #require(pool.forkServerPid), SIGKILL)
    }

    private static var canSignalGroups: Bool {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        return !numbers.lexicographicallyPrecedes([6, 9])
    }

    /// Whether this is what a task fails with that ran when the fork server went.
    private static func isLoss(_ error: (any Error)?) -> Bool {
        guard let error = error as? PoolError else { return false }
        return error.code == .workerCrashed && error.message.contains("fork server") && error.signal == nil
            && error.exitCode == nil && error.pid != nil
    }

    // D1
    @Test("fails what was running; what was queued runs under another one", arguments: StartMethod.allCases)
    func runningAndQueued(method: StartMethod) async throws {
        try await withinBound {
            try await withProcessPool(maxWorkers: 2, startMethod: method) { pool async throws in
                // More often than a pool would start fork servers in vain.
                for round in 0..<5 {
                    let directory = try TemporaryDirectory()
                    let gate = FileGate(in: directory)
                    let running = (0..<2).map { pool.submit(Work.passGate, gate, "\($0)") }
                    #expect(try await becomesTrue { try gate.begunCount == 2 })
                    let queued = (0..<300).map { pool.submit(Work.square, $0) }
                    let bytes = ProcessWork.make(1_000_000)
                    let big = pool.submit(ProcessWork.count, bytes)

                    let lost = try #require(pool.forkServerPid)
                    try Self.killForkServer(of: pool)
                    for future in running { #expect(Self.isLoss(await future.result.error)) }
                    for (n, future) in queued.enumerated() { #expect(try await future.value == n * n) }
                    #expect(try await big.value == bytes.count)
                    #expect(pool.forkServerPid != lost, "in round \(round)")
                }
            }
        }
    }

    // D1
    @Test("costs a batch the item that was at work, and none of the others")
    func batch() async throws {
        try await withinBound {
            let directory = try TemporaryDirectory()
            let gate = FileGate(in: directory)
            try await withProcessPool(maxWorkers: 1) { pool async throws in
                let outcomes = Task {
                    await pool.map(
                        (0..<10).map { Parcel($0, mishap: $0 == 4 ? Mishap(stage: .run, gate: gate) : nil) },
                        chunkSize: 10,
                        Parcel.deliver
                    ).results.collect()
                }
                #expect(await becomesTrue { gate.hasBegun(Mishap.name) })
                try Self.killForkServer(of: pool)
                for (n, outcome) in await outcomes.value.enumerated() {
                    if n == 4 {
                        #expect(Self.isLoss(outcome.error))
                    } else {
                        #expect(try outcome.get().number == n * n)
                    }
                }
            }
        }
    }

    // D1
    @Test("while the pool shuts down keeps it from ending no longer than its tasks do")
    func whileShuttingDown() async throws {
        try await withinBound {
            let directory = try TemporaryDirectory()
            let gate = FileGate(in: directory)
            let pool = try ProcessPoolExecutor(maxWorkers: 1)
            let running = pool.submit(Work.passGate, gate, "running")
            #expect(await becomesTrue { gate.hasBegun("running") })
            let queued = (0..<20).map { pool.submit(Work.square, $0) }
            let ending = Task { await pool.shutdown() }
            #expect(await becomesTrue { pool.isShutDown })
            try Self.killForkServer(of: pool)
            await ending.value
            #expect(Self.isLoss(await running.result.error))
            for (n, future) in queued.enumerated() { #expect(try await future.value == n * n) }
        }
    }

    // D1
    @Test("is nobody's failure while nothing runs", arguments: StartMethod.allCases)
    func whileIdle(method: StartMethod) async throws {
        try await withinBound {
            try await withProcessPool(maxWorkers: 1, startMethod: method) { pool async throws in
                // More often than a pool would start fork servers in vain.
                for n in 0..<5 {
                    let worker = try await pool.run(ProcessWork.pid, n)
                    try Self.killForkServer(of: pool)
                    // Until it has gone with its fork server it could take the next task, and lose it.
                    #expect(await becomesTrue { !ProcessWork.isAlive(worker) })
                    #expect(try await pool.run(Work.square, n) == n * n)
                }
            }
        }
    }

    // D1
    @Test("is found out if it only stands still: the tasks of a worker that dies meanwhile do not wait for it")
    func standsStill() async throws {
        try await withinBound {
            let directory = try TemporaryDirectory()
            let gate = FileGate(in: directory)
            try await withProcessPool(maxWorkers: 1) { pool async throws in
                let worker = try await pool.run(ProcessWork.pid, 0)
                let forkServer = try #require(pool.forkServerPid)
                let running = pool.submit(Work.passGate, gate, "running")
                #expect(await becomesTrue { gate.hasBegun("running") })
                let queued = (0..<5).map { pool.submit(Work.square, $0) }
                try await stopProcess(forkServer)
                kill(worker, SIGKILL)
                #expect(Self.isLoss(await running.result.error))
                for (n, future) in queued.enumerated() { #expect(try await future.value == n * n) }
                #expect(pool.forkServerPid != forkServer)
            }
        }
    }

    // D1
    @Test("while a worker is started costs that worker alone", arguments: StartMethod.allCases)
    func whileStarting(method: StartMethod) async throws {
        try await withinBound {
            for _ in 0..<5 {
                try await withProcessPool(maxWorkers: 1, startMethod: method) { pool async throws in
                    // The worker may have begun by then, which is no attempt of the task's.
                    let first = pool.submit(Work.square, 3, retry: RetryPolicy(maxAttempts: 1))
                    #expect(await becomesTrue { pool.forkServerPid != nil })
                    try Self.killForkServer(of: pool)
                    #expect(try await first.value == 9)
                }
            }
        }
    }

    // D1
    @Test("does not hold up the end of a pool if it only stands still")
    func standsStillAtTheEnd() async throws {
        try await withinBound {
            let pool = try ProcessPoolExecutor(maxWorkers: 2, minWorkers: 2)
            #expect(try await pool.run(Work.answer) == 42)
            try await stopProcess(try #require(pool.forkServerPid))
            let stopwatch = Stopwatch()
            await pool.shutdown()
            // It takes two seconds until it is looked what it does.
            #expect(stopwatch.elapsed < .seconds(10))
        }
    }

    // D1
    @Test("leaves no worker behind, nor what a worker has started")
    func nothingIsLeft() async throws {
        try await withinBound {
            try await withProcessPool(maxWorkers: 2, minWorkers: 2) { pool async throws in
                let keeper = try #require(await becomesTrue { pool.forkServerPid != nil } ? pool.forkServerPid : nil)
                #expect(await becomesTrue { ProcessWork.children(of: keeper).count == 2 })
                let workers = ProcessWork.children(of: keeper)
                let sleeper = try await pool.run { () throws -> Int32 in try ProcessWork.start("exec sleep 1000") }
                try Self.killForkServer(of: pool)
                // Before Linux 6.9 nobody can name it.
                for pid in workers + (Self.canSignalGroups ? [sleeper] : []) {
                    #expect(await becomesTrue { !ProcessWork.isAlive(pid) })
                }
                #expect(try await pool.run(Work.answer) == 42)
            }
        }
    }

    // D1
    @Test("is seen although a child of its preload holds on to all that it had open")
    func outlivedByChild() async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("log")
        defer { for line in lines(of: log) { kill(Int32(line)!, SIGKILL) } }
        try await withinBound {
            let preload = PreloadCall.call(StartupWork.leaveChild, log)
            try await withProcessPool(maxWorkers: 1, preload: preload) { pool async throws in
                #expect(try await pool.run(Work.answer) == 42)
                let lost = try #require(pool.forkServerPid)
                let running = pool.submit(ProcessWork.sleepingPid, 60_000)
                #expect(await becomesTrue { running.isRunning })
                try Self.killForkServer(of: pool)
                #expect(Self.isLoss(await running.result.error))
                #expect(try await pool.run(Work.answer) == 42)
                #expect(pool.forkServerPid != lost)
            }
        }
    }
}
