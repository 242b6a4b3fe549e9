import ConcurrentFutures

/// How well tasks that compute are spread over workers.
enum SchedulingProbe {
    @concurrent static func scaling(tasks: Int) async throws -> Figures {
        let one = try await timeOf(tasks, workers: 1)
        let two = try await timeOf(tasks, workers: 2)
        return ["scaling": one / two]
    }

    nonisolated(nonsending) private static func timeOf(_ tasks: Int, workers: Int) async throws -> Double {
        try await withWarmPool(workers: workers) { pool in
            try await seconds {
                let futures = (0..<tasks).map { _ in pool.submit(compute, 1_000) }
                for future in futures { _ = try await future.value }
            }
        }
    }

    /// One task takes as long as all others together.
    @concurrent static func mixed(tasks: Int) async throws -> Figures {
        try await withWarmPool { pool in
            let seconds = try await seconds {
                var futures = [pool.submit(compute, tasks * 1_000)]
                for _ in 0..<tasks { futures.append(pool.submit(compute, 1_000)) }
                for future in futures { _ = try await future.value }
            }
            return ["mixed": seconds]
        }
    }
}
