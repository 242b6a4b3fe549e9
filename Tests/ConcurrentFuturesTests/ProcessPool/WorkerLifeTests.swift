@testable import ConcurrentFutures
import Foundation
import Testing

@Suite("The life of a worker", .fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct WorkerLifeTests {
    // P3
    @Test("after three tasks a worker is replaced, and the old one is reaped", arguments: StartMethod.allCases)
    func recycled(startMethod: StartMethod) async throws {
        let options = ProcessPoolOptions(maxTasksPerWorker: 3)
        try await withProcessPool(maxWorkers: 1, startMethod: startMethod, options: options) { pool in
            var pids: [Int32] = []
            for n in 0..<9 { pids.append(try await pool.run(ProcessWork.pid, n)) }
            #expect(pids == [pids[0], pids[0], pids[0], pids[3], pids[3], pids[3], pids[6], pids[6], pids[6]])
            #expect(Set(pids).count == 3)
            let gone = pids[0]
            #expect(await becomesTrue { kill(gone, 0) == -1 && errno == ESRCH })
        }
    }

    // P4
    @Test("with a new worker for each task a backlog is done, across the shutdown")
    func recycledAlways() async throws {
        for _ in 0..<5 {
            let pool = try ProcessPoolExecutor(maxWorkers: 3, options: ProcessPoolOptions(maxTasksPerWorker: 1))
            let futures = (0..<60).map { pool.submit(ProcessWork.pid, $0) }
            await pool.shutdown()
            var pids: Set<Int32> = []
            for future in futures { pids.insert(try await future.value) }
            #expect(pids.count == 60)
        }
    }

    // P10
    @Test("idle workers go after the idle time, but for those that are to stay, and come back when needed")
    func idle() async throws {
        let options = ProcessPoolOptions(idleTimeout: .milliseconds(50))
        try await withProcessPool(maxWorkers: 3, minWorkers: 1, options: options) { pool in
            for _ in 0..<2 {
                let directory = try TemporaryDirectory()
                let gate = FileGate(in: directory)
                let names = ["a", "b", "c"]
                let futures = names.map { pool.submit(StoppingWork.passGate, gate, $0) }
                #expect(await becomesTrue { names.allSatisfy(gate.hasBegun) })
                try gate.release()
                var pids: Set<Int32> = []
                for future in futures { pids.insert(try await future.value) }
                #expect(pids.count == 3 && directory.has("open"))
                #expect(await becomesTrue { pids.count { kill($0, 0) == 0 } == 1 })
            }
        }
    }

    // P11
    @Test("a pool grows and shrinks while it works")
    func resize() async throws {
        try await withProcessPool(maxWorkers: 1) { pool in
            for count in [4, 1, 3, 2] {
                try pool.resize(to: count)
                #expect(pool.maxWorkers == count)
                let futures = (0..<40).map { _ in pool.submit(ProcessWork.sleepingPid, 5) }
                var pids: [Int32] = []
                for future in futures { pids.append(try await future.value) }
                // The last ones ran when those that were too many had gone.
                #expect(Set(pids.suffix(20)).count <= count)
            }
            let futures = (0..<8).map { _ in pool.submit(ProcessWork.sleepingPid, 200) }
            try pool.resize(to: 8)
            var pids: Set<Int32> = []
            for future in futures { pids.insert(try await future.value) }
            #expect(pids.count > 2)
            let refused = #expect(throws: PoolError.self) { try pool.resize(to: 0) }
            #expect(refused?.code == .invalidConfiguration)
        }
    }
}
