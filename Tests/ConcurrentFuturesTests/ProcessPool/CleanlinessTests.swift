import CSystemShims
import Foundation
import Testing

@testable import ConcurrentFutures

// These count what a process has, so they run inside a worker: a process of which no other test uses anything.

private struct Census: Codable, Sendable, Equatable {
    var descriptors: [String]
    var children: [Int32]
    /// Those of pools.
    var threads: [String]

    static func take() throws -> Census {
        Census(
            descriptors: try ProcessWork.openDescriptors().sorted(),
            children: try ProcessWork.children(),
            threads: threadNames("cf-").filter { $0 != "cf-task" && !$0.hasPrefix("cf-worker") }
        )
    }

    /// Whoever sleeps has Dispatch open timers, which it keeps.
    var withoutTimers: Census {
        var copy = self
        copy.descriptors.removeAll { $0.contains("timerfd") }
        return copy
    }
}

@Suite("What a pool leaves behind", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct CleanlinessTests {
    // P17
    @Test(
        "a thousand tasks, fifty crashes and ten pools later the host has as many descriptors as before, and no child"
    )
    func nothingIsLeft() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let (before, after) = try await outer.run { () async throws -> [Census] in
                let before = try Census.take()
                for round in 0..<10 {
                    var options = ProcessPoolOptions()
                    if round.isMultiple(of: 2) { options.maxTasksPerWorker = 1 }
                    try await withProcessPool(maxWorkers: 2, options: options) { pool async throws in
                        let futures = (0..<100).map { pool.submit(Work.square, $0) }
                        let crashes = (0..<5).map { _ in pool.submit(ProcessWork.die, .exitFortyTwo) }
                        let big = pool.submit(ProcessWork.make, round == 0 ? 1_000_000 : 10)
                        for future in futures { _ = try await future.value }
                        for crash in crashes { _ = await crash.result }
                        _ = try await big.value
                    }
                }
                return [before, try Census.take()]
            }.pair
            #expect(before.descriptors == after.descriptors)
            #expect(before.children == after.children)
            #expect(after.threads.isEmpty)
        }
    }

    // P17
    @Test("a worker has only its own descriptors, however many siblings it has", arguments: StartMethod.allCases)
    func onlyItsOwn(method: StartMethod) async throws {
        try await withProcessPool(maxWorkers: 8, minWorkers: 8, startMethod: method) { pool async throws in
            let directory = try TemporaryDirectory()
            let gate = FileGate(in: directory)
            let censuses = (0..<8).map { n in
                pool.submit(
                    { (gate: FileGate, name: String) throws -> [String] in
                        _ = try Work.passGate(gate, name)
                        return try ProcessWork.openDescriptors()
                    },
                    gate,
                    "\(n)"
                )
            }
            // One in each worker, so that all eight are looked at.
            #expect(try await becomesTrue { try gate.begunCount == 8 })
            try gate.release()
            for census in censuses {
                let open = try await census.value
                // Two memory files, a bell, a socket for files and one on which it is told to stop, and what serves the main queue.
                #expect(open.count <= 6, "\(open)")
                #expect(open.count { $0.hasPrefix("socket:") } == 2)
                #expect(!open.contains { $0.hasPrefix("pipe:") })
            }
        }
    }

    // P18
    @Test("a child of the host's own is left to the host, and there is no zombie")
    func ownChildren() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let status = try await outer.run { () async throws -> Int32 in
                var pid = pid_t()
                var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup("exit 7"), nil]
                posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ)
                try await withProcessPool(maxWorkers: 2) { pool async throws in
                    for _ in 0..<5 { _ = await pool.submit(ProcessWork.die, .kill).result }
                }
                var status: Int32 = 0
                let reaped = waitpid(pid, &status, 0)
                guard reaped == pid else { return -1 }
                return try ProcessWork.children().isEmpty ? (status >> 8) & 0xff : -2
            }
            #expect(status == 7)
        }
    }

    @Test("a process that was forked from the pool's own is told that it cannot use it")
    func forkedHost() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            // In a worker, because a fork of a test run would go on as a second one.
            let isTold = try await outer.run { () async throws -> Bool in
                let pool = try ProcessPoolExecutor(maxWorkers: 1)
                _ = try await pool.run(Work.answer)
                let child = try ChildProcesses.fork()
                if child == 0 {
                    let error = pool.submit(Work.answer).settledError as? PoolError
                    CurrentProcess.end(code: error?.message.contains("forked") == true ? 7 : 8)
                }
                let status = ChildProcesses.reap(child)
                let answer = try await pool.run(Work.answer)
                await pool.shutdown()
                return status.exitCode == 7 && answer == 42
            }
            #expect(isTold)
        }
    }

    @Test("a standard error that nobody reads does not keep a pool from ending")
    func unreadStandardError() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            // In a worker, because it is the process's own standard error that is full.
            let seconds = try await outer.run { () async throws -> Double in
                let (reading, writing) = try makePipe()
                let bytes = [UInt8](repeating: 32, count: 4096)
                _ = cf_set_nonblocking(writing.number)
                while write(writing.number, bytes, bytes.count) > 0 {}
                dup2(writing.number, 2)
                let start = ContinuousClock.now
                try await withProcessPool(maxWorkers: 1) { pool async throws in
                    try await pool.run { FileHandle.standardError.write(Data("a line\n".utf8)) }
                }
                return withExtendedLifetime(reading) { (ContinuousClock.now - start) / .seconds(1) }
            }
            #expect(seconds < 10)
        }
    }

    // E16
    @Test("a pool that is dropped ends its processes and threads when its work is done")
    func dropped() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let (before, after) = try await outer.run { () async throws -> [Census] in
                // The first sleep has Dispatch open what it keeps.
                try await Task.sleep(for: .milliseconds(1))
                let before = try Census.take().withoutTimers
                var pool: ProcessPoolExecutor? = try ProcessPoolExecutor(maxWorkers: 2)
                let futures = (0..<20).compactMap { pool?.submit(Work.square, $0) }
                futures[19].onCompletion { _ in }
                pool = nil
                for (n, future) in futures.enumerated() where try await future.value != n * n { return [] }
                _ = try await becomesTrue { try Census.take().withoutTimers == before }
                return [before, try Census.take().withoutTimers]
            }.pair
            #expect(before == after)
        }
    }

    @Test("what a task started ends with its worker, also in a session of its own")
    func grandchildren() async throws {
        let pids = try await withProcessPool(maxWorkers: 1) { pool async throws in
            try await pool.run { () throws -> [Int32] in
                try ["exec sleep 1000", "exec setsid sleep 1000"].map(ProcessWork.start)
            }
        }
        for pid in pids { #expect(await becomesTrue { kill(pid, 0) != 0 }) }
    }

    // P14
    @Test(
        "a line that a worker printed is not lost when it is killed, whatever a preload did",
        arguments: StartMethod.allCases
    )
    func printedLine(method: StartMethod) async throws {
        // The worker's standard output is that of its own host, which here is a worker with a file for it.
        let directory = try TemporaryDirectory()
        let path = directory.file("output")
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            try await outer.run(
                { (path: String, method: StartMethod) async throws -> Void in
                    dup2(creat(path, 0o600), 1)
                    // With the other method nothing is inherited.
                    let preload: PreloadCall? =
                        method == .forkServer ? .call(StartupWork.bufferStandardOutputFully) : nil
                    try await withProcessPool(
                        maxWorkers: 1,
                        startMethod: method,
                        preload: preload
                    ) { pool async throws in
                        _ = await pool.submit { () -> Int in
                            print("this line")
                            raise(SIGKILL)
                            return 1
                        }.result
                    }
                },
                path,
                method
            )
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "this line\n")
    }
}

extension Array {
    fileprivate var pair: (Element, Element) { (self[0], self[1]) }
}

extension Future {
    /// The error of a future that has failed already.
    fileprivate var settledError: (any Error)? {
        do {
            _ = try get(timeout: .zero)
            return nil
        } catch {
            return error
        }
    }
}
