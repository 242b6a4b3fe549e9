import ConcurrentFutures
import Report

/// One call after another.
enum RoundTripProbe {
    @concurrent static func ours(calls: Int) async throws -> Figures {
        try await withWarmPool { pool in
            [
                "run": try await awaited(pool, calls),
                "run-main": try await awaitedOnMain(pool, calls),
                "get": try blocking(pool, calls),
            ]
        }
    }

    @concurrent private static func awaited(_ pool: ProcessPoolExecutor, _ calls: Int) async throws -> Double {
        try await p50(calls) { n in try await pool.run(square, n) }
    }

    @MainActor private static func awaitedOnMain(_ pool: ProcessPoolExecutor, _ calls: Int) async throws -> Double {
        try await p50(calls) { n in try await pool.run(square, n) }
    }

    private static func blocking(_ pool: ProcessPoolExecutor, _ calls: Int) throws -> Double {
        var times: [Double] = []
        times.reserveCapacity(calls)
        for n in 0..<calls {
            let start = ContinuousClock.now
            let result = try pool.submit(square, n).get()
            times.append((.now - start) / .microseconds(1))
            precondition(result == n * n)
        }
        return Sample(times).median
    }
}

/// The median time of a call, in microseconds.
nonisolated(nonsending) func p50(
    _ calls: Int,
    _ call: nonisolated(nonsending) (Int) async throws -> Int
) async throws -> Double {
    var times: [Double] = []
    times.reserveCapacity(calls)
    for n in 0..<calls {
        let start = ContinuousClock.now
        let result = try await call(n)
        times.append((.now - start) / .microseconds(1))
        precondition(result == n * n)
    }
    return Sample(times).median
}
