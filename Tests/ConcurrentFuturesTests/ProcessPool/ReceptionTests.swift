import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

/// Runs a body on a thread of its own, which may block.
private func onThread<Output: Sendable>(_ body: @escaping @Sendable () throws -> Output) async throws -> Output {
    let outcome = Future<Output>(control: TestControl())
    Thread.detachNewThread { outcome.complete(Result { try body() }) }
    return try await outcome.value
}

@Suite("A thread that waits, and takes replies meanwhile", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct ReceptionTests {
    @Test("leaves to the pool's thread what a worker says when it stands ready", arguments: [false, true])
    func starts(blocking: Bool) async throws {
        try await withinBound {
            for n in 0..<25 {
                // One worker answers while the others are about to stand ready.
                try await withProcessPool(maxWorkers: 4) { pool async throws in
                    let first = pool.submit(Work.square, n)
                    _ = try await first.value
                    let futures = (0..<8).map { pool.submit(Work.square, $0) }
                    for (n, future) in futures.enumerated() {
                        let value = blocking ? try await onThread { try future.get() } : try await future.value
                        #expect(value == n * n)
                    }
                }
            }
        }
    }

    // F7
    @Test("gives up when its time is over, however much there is to take")
    func bounded() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let file = directory.file("end")
            let long = pool.submit(Work.waitForFile, file)
            let isOver = Mutex(false)
            let stream = Task { @concurrent in
                var count = 0
                while !isOver.withLock({ $0 }) {
                    let futures = (0..<256).map { pool.submit(Work.square, $0) }
                    for future in futures { count += try await future.value >= 0 ? 1 : 0 }
                }
                return count
            }
            let code = try await onThread { () -> PoolError.Code? in
                do {
                    try long.get(timeout: .milliseconds(50))
                    return nil
                } catch let error as PoolError {
                    return error.code
                }
            }
            #expect(code == .timedOut)
            let waiting = Task { @MainActor in try await long.value }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            isOver.withLock { $0 = true }
            #expect(try await stream.value > 0)
            #expect(FileManager.default.createFile(atPath: file, contents: nil))
            try await long.value
        }
    }

    // F7
    @Test("looks no more once its time is over, though it has looked less often than it would")
    func timeIsOver() async throws {
        let directory = try TemporaryDirectory()
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let file = directory.file("end")
            let pending = pool.submit(Work.waitForFile, file)
            let control = try #require(pending.machine.withLock { $0.control })
            var looks = 0
            let isDone = control.work {
                looks += 1
                // Each look takes ten times as long as all may; without an end to its time it would look at least eight times.
                usleep(1000)
                return false
            }
            // Four times it may find the pool's thread at it.
            #expect(!isDone && (1...5).contains(looks), "\(looks)")
            #expect(FileManager.default.createFile(atPath: file, contents: nil))
            try await pending.value
        }
    }

    // E15
    @Test("has told every future when the pool has ended")
    func allAreTold() async throws {
        for _ in 0..<20 {
            let pool = try ProcessPoolExecutor(maxWorkers: 2)
            let futures = (0..<200).map { pool.submit(Work.square, $0) }
            let waiting = futures.suffix(4).map { future in Task { @concurrent in try await future.value } }
            await pool.shutdown()
            #expect(futures.allSatisfy { $0.isDone })
            for task in waiting { _ = try await task.value }
        }
    }

    @Test("takes nothing in a process that was forked from the pool's own")
    func forked() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            // In a worker, because a fork of a test run would go on as a second one.
            let codes = try await outer.run { () async throws -> [Int32?] in
                let directory = try TemporaryDirectory()
                let pool = try ProcessPoolExecutor(maxWorkers: 1)
                _ = try await pool.run(Work.answer)
                let pending = pool.submit(Work.waitForFile, directory.file("end"))
                let child = try ChildProcesses.fork()
                if child == 0 {
                    // What the worker answers meanwhile is not for this process.
                    _ = FileManager.default.createFile(atPath: directory.file("end"), contents: nil)
                    let isTaken = pending.blockForTests(.milliseconds(300))
                    CurrentProcess.end(code: isTaken ? 8 : 7)
                }
                let status = ChildProcesses.reap(child)
                try await pending.value
                let answer = try await pool.run(Work.answer)
                await pool.shutdown()
                return [status.exitCode, Int32(answer)]
            }
            #expect(codes == [7, 42])
        }
    }
}

extension Future {
    /// Waits as ``get(timeout:)`` does, where that cannot be called because the caller is `async`.
    ///
    /// - Returns: whether there was a value.
    fileprivate func blockForTests(_ timeout: Duration) -> Bool {
        (try? get(timeout: timeout)) != nil
    }
}
