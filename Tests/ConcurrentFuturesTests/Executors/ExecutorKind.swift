import ConcurrentFutures

/// The executors that one suite holds to one behaviour.
enum ExecutorKind: CaseIterable, Sendable {
    case inline
    case thread
    case process
    case processSpawn

    /// Those whose tasks run beside their submitter.
    static let concurrent = allCases.filter { $0 != .inline }

    /// Makes an executor; how many tasks it runs at once only matters where it runs any beside its submitter.
    func make(maxWorkers: Int = 2) throws -> any PoolExecutor {
        switch self {
        case .inline: InlineExecutor()
        case .thread: try ThreadPoolExecutor(maxWorkers: maxWorkers)
        case .process: try ProcessPoolExecutor(maxWorkers: maxWorkers)
        case .processSpawn: try ProcessPoolExecutor(maxWorkers: maxWorkers, startMethod: .spawn)
        }
    }

    /// Runs a body with an executor, and shuts it down.
    func with<Output>(
        maxWorkers: Int = 2,
        _ body: (any PoolExecutor) async throws -> Output
    ) async throws -> Output {
        let executor = try make(maxWorkers: maxWorkers)
        do {
            let output = try await body(executor)
            await executor.shutdown()
            return output
        } catch {
            await executor.shutdown(cancelPending: true)
            throw error
        }
    }
}
