import ConcurrentFutures
import Foundation

/// Counts down, and returns how many steps it took.
private func countDown(from start: Int) -> Int {
    var number = start
    var steps = 0
    while number > 0 {
        number = oneLess(than: number)
        steps += 1
    }
    return steps
}

/// A call that the optimiser does not see into: it would know the result of the loop without running it.
@inline(never)
private func oneLess(than number: Int) -> Int {
    number - 1
}

struct CountingProgram: Program {
    static let name = "counting"
    static let summary = "count down from 8,000,000 and from 7,000,000 in three ways"

    private static let starts = [8_000_000, 7_000_000]

    func demonstrate() async throws {
        print("".column(20) + "start".column(9) + "count".column(9) + "steps")
        try await inPool("process pool") { try ProcessPoolExecutor(maxWorkers: 2, minWorkers: 2) }
        try await inPool("thread pool") { try ThreadPoolExecutor(maxWorkers: 2) }
        let clock = ContinuousClock()
        var total = 0
        let time = clock.measure { total = Self.starts.reduce(0) { $0 + countDown(from: $1) } }
        row("one after the other", start: nil, count: time, total)
        #if DEBUG
            print("\nThis is a debug build; `swift run -c release tour counting` counts much faster.")
        #endif
        print(
            """

            Swift's threads compute in parallel, as processes do. Which one when: processes for isolation, hard limits and
            unsafe C code as well as CPU work; threads for blocking I/O.
            """
        )
    }

    private func inPool(_ title: String, _ makePool: () throws -> some PoolExecutor) async throws {
        let clock = ContinuousClock()
        let begin = clock.now
        let pool = try makePool()
        // Counting nothing, so that the workers stand ready when the clock of the counting starts.
        _ = try await pool.map([0, 0], chunkSize: 1, countDown).collect()
        let ready = clock.now
        let steps = try await pool.map(Self.starts, chunkSize: 1, countDown).collect()
        row(title, start: ready - begin, count: clock.now - ready, steps.reduce(0, +))
        await pool.shutdown()
    }

    private func row(_ title: String, start: Duration?, count: Duration, _ total: Int) {
        let total = total.formatted(.number.locale(Locale(identifier: "en_US")))
        print(title.column(20) + (start?.inMilliseconds ?? "–").column(9) + count.inMilliseconds.column(9) + total)
    }
}
