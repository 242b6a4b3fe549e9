import ConcurrentFutures
import Glibc
import PoolSimulation

/// Kills and stops workers, and from time to time the fork server, and makes the pool smaller and larger.
struct Tormentor {
    let pool: ProcessPoolExecutor
    let inflictions: Inflictions
    let mostWorkers: Int
    let report: @Sendable (String) -> Void
    var generator: SeededGenerator
    private var nextForkServer: UInt64 = 0

    /// So many workers at most stand still for good at a time, so that the others can go on.
    private var mostStanding: Int { max(1, mostWorkers / 2) }

    init(
        _ pool: ProcessPoolExecutor,
        _ inflictions: Inflictions,
        mostWorkers: Int,
        generator: SeededGenerator,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.pool = pool
        self.inflictions = inflictions
        self.mostWorkers = mostWorkers
        self.generator = generator
        self.report = report
    }

    /// Torments until the time has come, or the task is cancelled. Whom it was to continue later it continues before it returns.
    mutating func run(until end: UInt64) async {
        await withDiscardingTaskGroup { group in
            while monotonicTime() < end, !Task.isCancelled {
                let isRespite = Int.random(in: 0..<60, using: &generator) == 0
                let pause = isRespite ? 1500 : Int.random(in: 20...250, using: &generator)
                try? await Task.sleep(for: .milliseconds(pause))
                inflictions.lookForEnds()
                for pid in act() {
                    let time = Duration.milliseconds(Int.random(in: 10...2000, using: &generator))
                    let inflictions = inflictions
                    group.addTask {
                        try? await Task.sleep(for: time)
                        kill(pid, SIGCONT)
                        inflictions.continued(pid)
                    }
                }
            }
        }
    }

    /// - Returns: the processes that are to be continued.
    private mutating func act() -> [Int32] {
        switch Int.random(in: 0..<100, using: &generator) {
        case ..<55:
            if let worker = anyWorker() { inflict(.killed, on: worker) }
        case ..<80:
            guard let worker = anyWorker() else { break }
            inflict(.continued, on: worker)
            return [worker]
        case ..<86:
            let standing = inflictions.standing().count { !$0.isForkServer }
            if standing < mostStanding, let worker = anyWorker() { inflict(.left, on: worker) }
        case ..<90:
            guard let forkServer = forkServer() else { break }
            inflict(.killed, on: forkServer, isForkServer: true)
        case ..<92:
            guard let forkServer = forkServer() else { break }
            inflict(.continued, on: forkServer, isForkServer: true)
            return [forkServer]
        case ..<94:
            guard let forkServer = forkServer() else { break }
            inflict(.left, on: forkServer, isForkServer: true)
        case ..<96:
            try? pool.resize(to: Int.random(in: 1...mostWorkers, using: &generator))
        default:
            try? pool.resize(to: mostWorkers)
        }
        return []
    }

    private func inflict(_ deed: Inflictions.Deed, on pid: Int32, isForkServer: Bool = false) {
        inflictions.add(pid, deed, isForkServer: isForkServer)
        report("\(isForkServer ? "fork server" : "worker") \(pid): \(deed)")
        kill(pid, deed == .killed ? SIGKILL : SIGSTOP)
    }

    /// Children of the fork server that are no strays.
    private func workers() -> [Int32] {
        guard let forkServer = pool.forkServerPid else { return [] }
        return Processes.children(of: forkServer).filter { Processes.name(of: $0)?.hasPrefix("cf-") == true }
    }

    /// One that stands still for good is left to the pool.
    private mutating func anyWorker() -> Int32? {
        let standing = Set(inflictions.standing().map(\.pid))
        return workers().filter { !standing.contains($0) }.randomElement(using: &generator)
    }

    /// None but one that has workers, and not often: a pool whose fork servers end in vain one after the other is broken, rightly.
    private mutating func forkServer() -> Int32? {
        guard monotonicTime() >= nextForkServer, let pid = pool.forkServerPid, !workers().isEmpty,
            !inflictions.standing().contains(where: { $0.pid == pid })
        else { return nil }
        nextForkServer = monotonicTime() + Self.forkServersRespite
        return pid
    }

    private static let forkServersRespite: UInt64 = 2_000_000_000
}
