import ConcurrentFutures

/// Many tasks, every one submitted before the first value is awaited.
enum SubmitProbe {
    @concurrent static func ours(tasks: Int) async throws -> Figures {
        try await withWarmPool { pool in
            let seconds = try await seconds { try await submitAll(pool, tasks: tasks) }
            return ["submit": Double(tasks) / seconds]
        }
    }
}
