import ConcurrentFutures
import Glibc
import Testing

private enum PrefetchWork {
    static func sleepMilliseconds(_ count: Int) -> Int {
        usleep(UInt32(count) * 1000)
        return count
    }
}

@Suite("Tasks given in advance", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct PrefetchTests {
    // On a machine with nothing else to do that is 1.6 s; here other tests run at the same time, and any of a few tries will do.
    @Test("wait for no long task: one of a second and 1,000 of a millisecond take hardly longer than either")
    func longTaskAmongShortOnes() async throws {
        try await withProcessPool(maxWorkers: 2, minWorkers: 2) { two async throws in
            try await withProcessPool(maxWorkers: 1) { one async throws in
                var tries: [(together: Duration, alone: Duration)] = []
                while tries.count < 5 {
                    let alone = try await time([Int](repeating: 1, count: 1000), one)
                    let together = try await time([1000] + [Int](repeating: 1, count: 1000), two)
                    tries.append((together, alone))
                    if together < max(.seconds(1), alone) * 1.6 { return }
                }
                Issue.record("\(tries)")
            }
        }
    }

    private func time(_ milliseconds: [Int], _ pool: ProcessPoolExecutor) async throws -> Duration {
        let start = ContinuousClock.now
        let futures = milliseconds.map { pool.submit(PrefetchWork.sleepMilliseconds, $0) }
        for future in futures { _ = try await future.value }
        return .now - start
    }

    @Test("go to others while those that come later keep the queue from running empty")
    func endlessQueue() async throws {
        try await withProcessPool(maxWorkers: 2, minWorkers: 2) { pool async throws in
            // Short ones, so that much is given in advance.
            for future in (0..<2000).map({ pool.submit(PrefetchWork.sleepMilliseconds, $0 * 0) }) {
                _ = try await future.value
            }
            let gate = pool.submit(PrefetchWork.sleepMilliseconds, 3000)
            let behind = (0..<300).map { _ in pool.submit(PrefetchWork.sleepMilliseconds, 0) }
            var later: [Future<Int>] = []
            while !behind.allSatisfy(\.isDone), !gate.isDone {
                later.append(pool.submit(PrefetchWork.sleepMilliseconds, 1))
                if later.count > 200 { _ = try await later.removeFirst().value }
            }
            let areDone = behind.allSatisfy(\.isDone)
            #expect(areDone, "some waited behind a task of three seconds")
            for future in later { _ = try await future.value }
            #expect(try await gate.value == 3000)
        }
    }
}
