import ConcurrentFutures
import Glibc
import Testing

private enum PrefetchWork {
    static func sleepMilliseconds(_ count: Int) -> Int {
        usleep(UInt32(count) * 1000)
        return count
    }
}

@Suite("Tasks given in advance", .serialized, .timeLimit(.minutes(5)))
struct PrefetchTests {
    // The median of three, because a test may share its processors with anything.
    @Test("wait for no long task: one of a second and 1,000 of a millisecond on two workers take less than 1.6 s")
    func longTaskAmongShortOnes() async throws {
        try await withProcessPool(maxWorkers: 2, minWorkers: 2) { pool async throws in
            _ = try await pool.map(0..<100, chunkSize: 1, PrefetchWork.sleepMilliseconds).collect()
            var times: [Duration] = []
            for _ in 0..<3 {
                let start = ContinuousClock.now
                let futures = ([1000] + Array(repeating: 1, count: 1000)).map {
                    pool.submit(PrefetchWork.sleepMilliseconds, $0)
                }
                for future in futures { _ = try await future.value }
                times.append(.now - start)
            }
            #expect(times.sorted()[1] < .seconds(1.6), "\(times)")
        }
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
