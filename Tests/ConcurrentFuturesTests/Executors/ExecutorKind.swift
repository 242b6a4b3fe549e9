import ConcurrentFutures
import Foundation

/// The executors that one suite holds to one behaviour.
enum ExecutorKind: String, CaseIterable, Sendable {
    case inline
    case thread
    case process
    case processSpawn

    /// Those that the variable `TESTED_EXECUTORS` names, separated by commas; without it, all of them.
    static let allCases: [ExecutorKind] = {
        let every: [ExecutorKind] = [.inline, .thread, .process, .processSpawn]
        guard let names = ProcessInfo.processInfo.environment["TESTED_EXECUTORS"] else { return every }
        let chosen = names.split(separator: ",")
        precondition(
            chosen.allSatisfy { ExecutorKind(rawValue: String($0)) != nil },
            "TESTED_EXECUTORS is \(names), and not all of these are executors"
        )
        return every.filter { chosen.contains($0.rawValue[...]) }
    }()

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
