import ArgumentParser
import ConcurrentFutures

func square(_ n: Int) -> Int { n * n }

/// What a call through a process pool costs: one at a time, and many at once.
@main struct RoundTrip: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "roundtrip",
        abstract:
            "Measures calls through a process pool. Give it a machine that does nothing else, and a release build."
    )

    @Option(help: "How many times each figure is taken; the median is printed.")
    var rounds = 5
    @Option(help: "Calls a round, one after the other.")
    var calls = 20_000
    @Option(help: "Tasks a round, all submitted before the first is awaited.")
    var tasks = 1_000_000
    @Option(help: "Worker processes.")
    var workers = 2

    func run() async throws {
        try await withProcessPool(maxWorkers: workers, minWorkers: workers) { pool in
            for _ in 0..<1_000 { _ = try await pool.run(square, 3) }
            try await report("await run(square, n), p50", "µs") { try await awaited(pool) }
            try await report("await run(square, n) from the main actor, p50", "µs") { try await awaitedOnMain(pool) }
            try await report("submit(square, n).get(), p50", "µs") { try blocking(pool) }
            try await report("map, million items/s", "M/s") { try await mapRate(pool) }
            try await report("\(tasks) submits, every value awaited", "thousand tasks/s") { try await many(pool) }
        }
    }

    private func report(_ name: String, _ unit: String, _ measure: () async throws -> Double) async throws {
        var figures: [Double] = []
        for _ in 0..<rounds { figures.append(try await measure()) }
        figures.sort()
        print("\(name): \(rounded(figures[figures.count / 2])) \(unit)", terminator: "")
        print("  (\(rounded(figures[0])) … \(rounded(figures[figures.count - 1])))")
    }

    private func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    @concurrent private func awaited(_ pool: ProcessPoolExecutor) async throws -> Double {
        try await latencies { n in try await pool.run(square, n) }
    }

    @MainActor private func awaitedOnMain(_ pool: ProcessPoolExecutor) async throws -> Double {
        try await latencies { n in try await pool.run(square, n) }
    }

    private nonisolated(nonsending) func latencies(
        _ call: nonisolated(nonsending) (Int) async throws -> Int
    ) async throws -> Double {
        var times: [Duration] = []
        times.reserveCapacity(calls)
        for n in 0..<calls {
            let start = ContinuousClock.now
            let result = try await call(n)
            times.append(.now - start)
            precondition(result == n * n)
        }
        return median(times)
    }

    private func blocking(_ pool: ProcessPoolExecutor) throws -> Double {
        var times: [Duration] = []
        times.reserveCapacity(calls)
        for n in 0..<calls {
            let start = ContinuousClock.now
            let result = try pool.submit(square, n).get()
            times.append(.now - start)
            precondition(result == n * n)
        }
        return median(times)
    }

    private func median(_ times: [Duration]) -> Double {
        times.sorted()[times.count / 2] / .microseconds(1)
    }

    @concurrent private func many(_ pool: ProcessPoolExecutor) async throws -> Double {
        var futures: [Future<Int>] = []
        futures.reserveCapacity(tasks)
        let start = ContinuousClock.now
        for n in 0..<tasks { futures.append(pool.submit(square, n)) }
        var sum = 0
        for future in futures { sum &+= try await future.value }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        precondition(sum == (0..<tasks).reduce(0) { $0 &+ $1 * $1 })
        return Double(tasks) / seconds / 1000
    }
}
