import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("A worker's memory limit", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct MemoryLimitTests {
    private static let limit = 64 << 20

    @Test(
        "fails the task that takes more, with limit and size, and harms no neighbour",
        arguments: WorkerLimitWork.Appetite.allCases
    )
    func exceeded(appetite: WorkerLimitWork.Appetite) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let options = ProcessPoolOptions(memoryLimit: Self.limit)
        try await withProcessPool(maxWorkers: 2, minWorkers: 2, options: options) { pool async throws in
            let neighbour = pool.submit(Work.passGate, gate, "neighbour")
            #expect(await becomesTrue { gate.hasBegun("neighbour") })
            let error = try #require(await pool.submit(WorkerLimitWork.eat, appetite).result.error as? PoolError)
            #expect(error.code == .memoryLimitExceeded, "\(error)")
            #expect(error.message.contains("memoryLimit is 64.0 MiB") && error.pid != nil)
            #expect(error.message.contains(appetite.sentence), "\(error.message)")
            if let size = error.message.firstMatch(of: /it took ([0-9.]+) MiB/).flatMap({ Double($0.output.1) }) {
                #expect((64..<600).contains(size))
            }
            #expect(try await pool.run(Work.answer) == 42)
            try gate.release()
            #expect(try await neighbour.value == "neighbour")
        }
    }

    @Test("may be more than there can be", arguments: [Int.max, Int.max / 4])
    func greatest(limit: Int) async throws {
        try await withProcessPool(maxWorkers: 1, options: ProcessPoolOptions(memoryLimit: limit)) { pool async throws in
            let error = try #require(await pool.submit(ProcessWork.die, .kill).result.error as? PoolError)
            #expect(error.code == .workerCrashed && error.signal == SIGKILL)
            #expect(try await pool.run(Work.answer) == 42)
        }
    }

    @Test("holds for a worker that is executed anew too")
    func spawned() async throws {
        let options = ProcessPoolOptions(memoryLimit: Self.limit)
        try await withProcessPool(maxWorkers: 1, startMethod: .spawn, options: options) { pool async throws in
            for appetite in [WorkerLimitWork.Appetite.growingArray, .hugeArray] {
                let error = try #require(await pool.submit(WorkerLimitWork.eat, appetite).result.error as? PoolError)
                #expect(error.code == .memoryLimitExceeded && error.message.contains(appetite.sentence), "\(error)")
            }
        }
    }

    @Test("lets a task take what it may, again and again, in the same worker")
    func within() async throws {
        let options = ProcessPoolOptions(memoryLimit: Self.limit)
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            let pid = try await pool.run(ProcessWork.pid, 0)
            for _ in 0..<10 {
                #expect(try await pool.run(WorkerLimitWork.take, 40) == 40 << 20)
                // With the looks of a watch that runs in between.
                _ = try await pool.run(ProcessWork.sleepingPid, 20)
            }
            #expect(try await pool.run(ProcessWork.pid, 0) == pid)
        }
    }

    @Test("does not count what was there before the worker was")
    func preloaded() async throws {
        let options = ProcessPoolOptions(memoryLimit: Self.limit)
        let preload = PreloadCall.call { Table.fill(200 << 20) }
        try await withProcessPool(maxWorkers: 1, preload: preload, options: options) { pool async throws in
            #expect(try await pool.run { Table.overwrite(2) } == 200 << 20)
            _ = try await pool.run(ProcessWork.sleepingPid, 100)
            #expect(try await pool.run(WorkerLimitWork.take, 40) == 40 << 20)
            _ = try await pool.run(ProcessWork.sleepingPid, 50)
            let error = try #require(await pool.submit(WorkerLimitWork.eat, .growingArray).result.error as? PoolError)
            #expect(error.code == .memoryLimitExceeded)
        }
    }

    @Test("lets async functions, threads and big arguments be")
    func ordinaryWork() async throws {
        let options = ProcessPoolOptions(memoryLimit: Self.limit)
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            let sum = try await pool.run { () async -> Int in
                await withTaskGroup(of: Int.self) { group in
                    for n in 0..<100 { group.addTask { await Task.detached { n }.value } }
                    return await group.reduce(0, +)
                }
            }
            #expect(sum == 4950)
            #expect(try await pool.run(ProcessWork.count, ProcessWork.make(10_000_000)) == 10_000_000)
            #expect(try await pool.run(ProcessWork.make, 10_000_000).count == 10_000_000)
        }
    }

    @Test("leaves other crashes what they are")
    func otherCrashes() async throws {
        let options = ProcessPoolOptions(memoryLimit: Self.limit)
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            let trap = try #require(await pool.submit(WorkerLimitWork.trap, 0).result.error as? PoolError)
            #expect(trap.code == .workerCrashed, "\(trap)")
            for death in ProcessWork.Death.allCases {
                // What was refused to an earlier task is not why this one crashes.
                #expect(try await pool.run(WorkerLimitWork.isRefused, 0))
                let error = try #require(await pool.submit(ProcessWork.die, death).result.error as? PoolError)
                #expect(error.code == .workerCrashed && error.signal == death.signal, "\(error)")
            }
        }
    }

    @Test("is told by a crash report that says what the worker wrote")
    func lastWords() async throws {
        let options = ProcessPoolOptions(memoryLimit: Self.limit)
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            let error = try #require(await pool.submit(WorkerLimitWork.eat, .hugeArray).result.error as? PoolError)
            #expect(error.standardError?.contains("failed to allocate") == true)
            #expect(error.signal == SIGABRT)
        }
    }
}

/// What a preload leaves in memory.
private enum Table {
    nonisolated(unsafe) private static var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    static func fill(_ count: Int) {
        bytes = .allocate(byteCount: count, alignment: 8)
        _ = overwrite(1)
    }

    static func overwrite(_ byte: Int32) -> Int {
        memset(bytes.baseAddress!, byte, bytes.count)
        return bytes.count
    }
}

@Suite("The watch of memory", .fewAtOnce, .timeLimit(.minutes(5)))
struct MemoryWatchTests {
    private static let start: UInt64 = 1_000_000_000_000

    @Test("looks at nobody who has nothing to do")
    func idle() {
        var watch = MemoryWatch(limit: 1000)
        #expect(watch.nextLook == nil)
        watch.add(1, baseline: 0)
        #expect(watch.nextLook == nil && watch.due(now: .max).isEmpty)
        watch.begin(1, now: Self.start)
        #expect(watch.nextLook != nil)
        watch.pause(1)
        #expect(watch.nextLook == nil && watch.due(now: .max).isEmpty)
    }

    @Test("tells who has more beyond its birth than it may, once")
    func verdict() {
        var watch = MemoryWatch(limit: 1000)
        watch.add(1, baseline: 500)
        watch.begin(1, now: Self.start)
        #expect(watch.saw(1, 1500, now: Self.start) == nil)
        #expect(watch.saw(1, 1501, now: Self.start) == 1001)
        #expect(watch.peak(of: 1) == 1001)
        #expect(watch.nextLook == nil)
    }

    @Test("looks the sooner again the nearer the limit is, within bounds")
    func waits() throws {
        var watch = MemoryWatch(limit: 1 << 30)
        watch.add(1, baseline: 0)
        func wait(_ size: UInt64?) throws -> UInt64 {
            watch.begin(1, now: Self.start)
            _ = watch.saw(1, size, now: Self.start)
            return try #require(watch.nextLook) - Self.start
        }
        #expect(try wait(0) == 50_000_000)
        #expect(try wait(nil) == 50_000_000)
        #expect(try wait(1 << 30 - 100_000_000) == 25_000_000)
        #expect(try wait(1 << 30) == 2_000_000)
    }

    @Test("tells the workers whose turn it is, and forgets those that have ended")
    func turns() throws {
        var watch = MemoryWatch(limit: 1 << 30)
        for id in WorkerID(1)...3 {
            watch.add(id, baseline: 0)
            watch.begin(id, now: Self.start)
        }
        _ = watch.saw(2, 0, now: Self.start)
        let next = try #require(watch.nextLook)
        #expect(watch.due(now: next - 1).isEmpty)
        #expect(Set(watch.due(now: next)) == [1, 3])
        watch.remove(1)
        watch.remove(3)
        #expect(watch.due(now: next).isEmpty && watch.due(now: .max) == [2])
    }

    @Test("reads what a process has of its own")
    func reading() throws {
        let line = Array("1000 500 200 10 0 700 0\n".utf8)
        let memory = try #require(ProcessMemory(statm: line, pageSize: 4096))
        #expect(memory.own == 300 * 4096 && memory.data == 700 * 4096)
        for senseless in ["", "1 2 3", "1 2 x 4 5 6 7", "-1 2 3 4 5 6 7"] {
            #expect(ProcessMemory(statm: Array(senseless.utf8), pageSize: 4096) == nil)
        }
        let own = try #require(try ProcessMemory.Reader(pid: nil).read())
        #expect(own.own > 1 << 20 && own.data > 1 << 20)
    }
}
