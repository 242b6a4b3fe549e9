import ConcurrentFutures
import Report

/// What starting costs.
enum StartProbe {
    /// A pool that is made, runs one task and is gone again.
    @concurrent static func poolUp(repetitions: Int) async throws -> Figures {
        var times: [Double] = []
        for _ in 0...repetitions {
            times.append(
                try await seconds {
                    try await withProcessPool(maxWorkers: 2) { pool in
                        let result = try await pool.run(square, 3)
                        precondition(result == 9)
                    }
                }
            )
        }
        return ["poolup": Sample(Array(times.dropFirst())).median * 1_000]
    }

    @concurrent static func fresh(tasks: Int) async throws -> Figures {
        let options = ProcessPoolOptions(maxTasksPerWorker: 1)
        return try await withProcessPool(maxWorkers: 2, options: options) { pool in
            let seconds = try await seconds {
                var pids: Set<Int32> = []
                let futures = (0..<tasks).map { _ in pool.submit(pid(afterMilliseconds:), 0) }
                for future in futures { pids.insert(try await future.value) }
                precondition(pids.count == tasks, "a process ran two tasks")
            }
            return ["fresh": Double(tasks) / seconds]
        }
    }
}
