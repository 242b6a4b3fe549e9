@testable import ConcurrentFutures
import Synchronization
import Testing

private enum SubmissionWork {
    private static let count = Atomic<Int>(0)

    /// How many calls there were before, and what this one was given.
    static func number(_ label: Int) -> [Int] {
        [count.wrappingAdd(1, ordering: .relaxed).oldValue, label]
    }
}

@Suite("Submitting from many threads", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct SubmissionTests {
    @Test("every task runs once, and those of one thread in their order")
    func order() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let results = try await withThrowingTaskGroup(of: [Int].self) { group in
                for submitter in 0..<8 {
                    group.addTask {
                        let futures = (0..<2000).map { pool.submit(SubmissionWork.number, submitter * 10_000 + $0) }
                        var places: [Int] = []
                        for (n, future) in futures.enumerated() {
                            let result = try await future.value
                            #expect(result[1] == submitter * 10_000 + n)
                            places.append(result[0])
                        }
                        return places
                    }
                }
                return try await group.reduce(into: [[Int]]()) { $0.append($1) }
            }
            for places in results { #expect(places == places.sorted()) }
            #expect(Set(results.joined()) == Set(0..<16_000))
        }
    }

    @Test("what is cancelled right after it was submitted never runs, or runs, and is told one way")
    func cancelling() async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for submitter in 0..<4 {
                    group.addTask {
                        for n in 0..<500 {
                            let future = pool.submit(SubmissionWork.number, n)
                            let isPromised = (n + submitter).isMultiple(of: 2) && future.cancel()
                            let result = await future.result
                            switch result {
                            case .success(let values): #expect(!isPromised && values[1] == n)
                            case .failure(let error): #expect(isPromised && error is CancellationError)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Calls the body with a pool whose one worker is held up, and that has more to do than a worker is given in advance: what comes now is left for later.
    private func withFullPool(_ body: (ProcessPoolExecutor, FileGate) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1, options: .grace(.milliseconds(20))) { pool async throws in
            let first = pool.submit(Work.passGate, gate, "first")
            #expect(await becomesTrue { gate.hasBegun("first") })
            let others = (0..<1000).map { pool.submit(Work.square, $0) }
            try await body(pool, gate)
            _ = await first.result
            for (n, other) in others.enumerated() {
                switch await other.result {
                case .success(let square): #expect(square == n * n)
                case .failure(let error): #expect(error is CancellationError)
                }
            }
        }
    }

    /// Submits a call that nobody takes in at once, nor anything before another thread lets the pool's lock go: it may be about to.
    private func leftInInbox(_ pool: ProcessPoolExecutor, _ n: Int) -> Future<Int>? {
        for _ in 0..<1000 {
            let future = pool.submit(Work.square, n)
            if !pool.driver.isInboxEmpty { return future }
        }
        return nil
    }

    @Test("while no worker has room, each is cancelled, runs out of time and is run as ever")
    func fullPool() async throws {
        try await withFullPool { pool, gate in
            let late = pool.submit(Work.square, 1, deadline: .milliseconds(50))
            let futures = (0..<9).map { pool.submit(Work.square, $0) }
            // It is in the inbox, and then none is.
            let cancelled = try #require(leftInInbox(pool, 9))
            #expect(cancelled.cancel())
            #expect(pool.driver.isInboxEmpty)
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            #expect((await late.result.error as? PoolError)?.code == .timedOut)
            let other = pool.submit(Work.square, 10)
            #expect(!other.isRunning && !other.isDone)
            let last = try #require(leftInInbox(pool, 11))
            try gate.release()
            for n in 0..<9 { #expect(try await futures[n].value == n * n) }
            #expect(try await other.value == 100)
            #expect(try await last.value == 121)
        }
    }

    @Test("while no worker has room, none is forgotten by a pool that ends", arguments: [true, false])
    func fullPoolEnds(isTerminated: Bool) async throws {
        try await withFullPool { pool, gate in
            let futures = (0..<10).map { pool.submit(Work.square, $0) }
            async let end: Void = isTerminated ? pool.terminate() : pool.shutdown(cancelPending: true)
            for future in futures { await #expect(throws: CancellationError.self) { try await future.value } }
            try gate.release()
            await end
            let code = (await pool.submit(Work.square, 1).result.error as? PoolError)?.code
            #expect(code == .shutdown)
        }
    }
}
