import ConcurrentFutures
import Report

/// How the cost of ours grows with one size.
enum Growth: String, CaseIterable {
    case tasks = "growth-tasks"
    case payload = "growth-payload"
    case workers = "growth-workers"

    var title: String {
        switch self {
        case .tasks: "Tasks submitted together, every value awaited"
        case .payload: "Bytes to a worker and back, one value at a time"
        case .workers: "Worker processes"
        }
    }

    /// What the sizes are.
    var sizeName: String {
        switch self {
        case .tasks: "tasks"
        case .payload: "payload"
        case .workers: "workers"
        }
    }

    func sizes(isQuick: Bool) -> [Int] {
        switch self {
        case .tasks: Array([1_000, 10_000, 100_000, 1_000_000, 10_000_000].prefix(isQuick ? 2 : 5))
        case .payload: Array(stride(from: 0, through: 30, by: 3).map { 1 << $0 }.prefix(isQuick ? 7 : 11))
        case .workers: Array([1, 2, 4, 8, 16, 32, 64].prefix(isQuick ? 3 : 7))
        }
    }

    func label(of size: Int) -> String {
        guard self == .payload else { return Double(size).short }
        let units = ["B", "KiB", "MiB", "GiB"]
        let power = size.trailingZeroBitCount / 10
        return "\(size >> (10 * power)) \(units[power])"
    }

    var metrics: [Metric] {
        switch self {
        case .tasks: [Metric("growth-tasks", "time per task", unit: "ns", better: .lower)]
        case .payload:
            [
                Metric("growth-roundtrip", "round trip", unit: "µs", better: .lower),
                Metric("growth-rate", "rate, both ways together", unit: "GiB/s", better: .higher),
            ]
        case .workers:
            [
                Metric("growth-workers", "tasks a second", unit: "tasks/s", better: .higher),
                Metric("growth-up", "until all have run a task", unit: "ms", better: .lower),
            ]
        }
    }

    @concurrent func measure(_ size: Int) async throws -> Figures {
        switch self {
        case .tasks: try await Self.tasks(size)
        case .payload: try await Self.payload(size)
        case .workers: try await Self.workers(size)
        }
    }

    nonisolated(nonsending) private static func tasks(_ count: Int) async throws -> Figures {
        try await withWarmPool { pool in
            let seconds = try await seconds { try await submitAll(pool, tasks: count) }
            return ["growth-tasks": seconds / Double(count) * 1e9]
        }
    }

    nonisolated(nonsending) private static func payload(_ count: Int) async throws -> Figures {
        let bytes = [UInt8](repeating: 7, count: count)
        // About a second at most for the small ones, and for the big ones still a few.
        let calls = max(5, min(2_000, (1 << 30) / count))
        return try await withWarmPool { pool in
            var times: [Double] = []
            for _ in 0...calls {
                times.append(
                    try await seconds {
                        let result = try await pool.run(same, bytes)
                        precondition(result.count == count && result.last == 7)
                    }
                )
            }
            let median = Sample(Array(times.dropFirst())).median
            return ["growth-roundtrip": median * 1e6, "growth-rate": Double(2 * count) / median / Double(1 << 30)]
        }
    }

    nonisolated(nonsending) private static func workers(_ count: Int) async throws -> Figures {
        let start = ContinuousClock.now
        return try await withProcessPool(maxWorkers: count, minWorkers: count) { pool in
            var pids: Set<Int32> = []
            while pids.count < count {
                let futures = (0..<count).map { _ in pool.submit(pid(afterMilliseconds:), 1) }
                for future in futures { pids.insert(try await future.value) }
            }
            let up = (ContinuousClock.now - start).seconds
            let tasks = 200_000
            let seconds = try await seconds { try await submitAll(pool, tasks: tasks) }
            return ["growth-workers": Double(tasks) / seconds, "growth-up": up * 1e3]
        }
    }
}
