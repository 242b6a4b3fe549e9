import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("A worker's processors and its time on them", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct ProcessorLimitTests {
    @Test("workers are so much nicer than their host", arguments: StartMethod.allCases)
    func niceness(method: StartMethod) async throws {
        let own = WorkerLimitWork.niceness(0)
        for (steps, expected) in [(0, own), (5, min(19, own + 5)), (19, 19)] {
            let options = ProcessPoolOptions(niceness: steps)
            try await withProcessPool(maxWorkers: 1, startMethod: method, options: options) { pool async throws in
                #expect(try await pool.run(WorkerLimitWork.niceness, 0) == expected)
            }
        }
    }

    @Test("workers run on the processors they were given", arguments: StartMethod.allCases)
    func processors(method: StartMethod) async throws {
        let last = try #require(AvailableProcessors.affinity?.max())
        let options = ProcessPoolOptions(processors: [last])
        try await withProcessPool(maxWorkers: 2, startMethod: method, options: options) { pool async throws in
            let seen = try await pool.run { AvailableProcessors.affinity ?? [] }
            #expect(seen == [last])
        }
    }

    @Test(
        "a task that computes for longer than it may fails, with limit and time used",
        arguments: StartMethod.allCases
    )
    func exceeded(method: StartMethod) async throws {
        let options = ProcessPoolOptions(cpuTimeLimit: .milliseconds(300))
        try await withProcessPool(maxWorkers: 1, startMethod: method, options: options) { pool async throws in
            for function in [WorkerLimitWork.computeForEver, WorkerLimitWork.computeForEverOnThreads] {
                let error = try #require(await pool.submit(function, 0).result.error as? PoolError)
                #expect(error.code == .cpuTimeLimitExceeded && error.signal == SIGXCPU && error.pid != nil)
                #expect(error.message.contains("cpuTimeLimit is 0.3 seconds"))
                let used = error.message.firstMatch(of: /it used ([0-9.]+) seconds/).flatMap { Double($0.output.1) }
                #expect((0.3..<5).contains(try #require(used)), "\(error.message)")
            }
            #expect(try await pool.run(Work.answer) == 42)
        }
    }

    @Test("a task that ignores the signal of its limit is killed a second of computing later")
    func ignored() async throws {
        let options = ProcessPoolOptions(cpuTimeLimit: .milliseconds(200))
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            let error = try #require(
                await pool.submit(WorkerLimitWork.computeDespiteWarning, 0).result.error as? PoolError
            )
            #expect(error.code == .cpuTimeLimitExceeded && error.signal == SIGKILL)
        }
    }

    @Test("each task has the whole limit, however much the worker has used before")
    func eachTask() async throws {
        let options = ProcessPoolOptions(cpuTimeLimit: .milliseconds(400))
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            var pids: Set<Int32> = []
            for _ in 0..<8 {
                #expect(try await pool.run(WorkerLimitWork.compute, 100) > 0)
                pids.insert(try await pool.run(ProcessWork.pid, 0))
            }
            #expect(pids.count == 1)
            // What waits uses nothing.
            _ = try await pool.run(ProcessWork.sleepingPid, 600)
        }
    }

    @Test("of a map only the item that computes for longer than it may fails")
    func mapped() async throws {
        let options = ProcessPoolOptions(cpuTimeLimit: .milliseconds(300))
        try await withProcessPool(maxWorkers: 2, options: options) { pool async throws in
            var values: [Int] = []
            var failures: [PoolError?] = []
            for await result in pool.map(0..<30, chunkSize: 10, WorkerLimitWork.computeForEverIfSeven).results {
                switch result {
                case .success(let value): values.append(value)
                case .failure(let error): failures.append(error as? PoolError)
                }
            }
            #expect(values == (0..<30).filter { $0 != 7 }.map { $0 * $0 })
            #expect(failures.map { $0?.code } == [.cpuTimeLimitExceeded])
        }
    }

    @Test("what a task's children have used is not counted, also where somebody else kills the worker")
    func children() async throws {
        let options = ProcessPoolOptions(cpuTimeLimit: .milliseconds(300))
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            let future = pool.submit { () -> Int32 in
                var pid = pid_t()
                // The system ends it after two seconds of computing.
                let command = "ulimit -t 2; while :; do :; done"
                var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(command), nil]
                posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ)
                waitpid(pid, nil, 0)
                return raise(SIGKILL)
            }
            let error = try #require(await future.result.error as? PoolError)
            #expect(error.code == .workerCrashed && error.signal == SIGKILL, "\(error)")
        }
    }

    @Test("the same signal from somebody else is a crash like any other")
    func otherSource() async throws {
        let options = ProcessPoolOptions(cpuTimeLimit: .seconds(100))
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            for signal in [SIGXCPU, SIGKILL] {
                let future = pool.submit({ (signal: Int32) -> Int32 in raise(signal) }, signal)
                let error = try #require(await future.result.error as? PoolError)
                #expect(error.code == .workerCrashed && error.signal == signal)
            }
        }
    }
}
