import ConcurrentFutures
import Glibc
import PoolSimulation

/// Kills and stops workers, and from time to time the fork server, and makes the pool smaller and larger.
struct Tormentor {
    let pool: ProcessPoolExecutor
    let inflictions: Inflictions
    let mostWorkers: Int
    /// Whether what a worker is at work on may take as long as it likes.
    let mayTakeLong: @Sendable (Int32) -> Bool
    let report: @Sendable (String) -> Void
    var generator: SeededGenerator
    private var nextForkServer: UInt64 = 0
    /// The workers that it has come upon.
    private(set) var workersSeen: Set<Int32> = []

    /// So many workers at most stand still for good at a time, so that the others can go on.
    private var mostStanding: Int { max(1, mostWorkers / 2) }

    init(
        _ pool: ProcessPoolExecutor,
        _ inflictions: Inflictions,
        mostWorkers: Int,
        generator: SeededGenerator,
        mayTakeLong: @escaping @Sendable (Int32) -> Bool,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.pool = pool
        self.inflictions = inflictions
        self.mostWorkers = mostWorkers
        self.generator = generator
        self.mayTakeLong = mayTakeLong
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
            guard standing < mostStanding, let worker = anyWorker() else { break }
            inflict(.left, on: worker)
            continueInTheEnd(worker)
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

    /// A task that has no limit of time would never end in a worker that stands still. Where it has one, or has not begun, the pool is to
    /// find that out.
    private func continueInTheEnd(_ worker: Int32) {
        let inflictions = inflictions
        let mayTakeLong = mayTakeLong
        Task {
            try? await Task.sleep(for: Self.timeToStand)
            guard inflictions.standing().contains(where: { $0.pid == worker }), mayTakeLong(worker) else { return }
            kill(worker, SIGCONT)
            inflictions.continued(worker)
        }
    }

    /// Longer than any task's deadline and the grace period.
    private static let timeToStand = Duration.seconds(12)

    /// Ends all torments.
    func release() {
        inflictions.lookForEnds()
        for infliction in inflictions.standing() {
            kill(infliction.pid, SIGCONT)
            inflictions.continued(infliction.pid)
        }
        try? pool.resize(to: mostWorkers)
    }

    /// Children of the fork server that are no strays.
    private mutating func workers() -> [Int32] {
        guard let forkServer = pool.forkServerPid else { return [] }
        let workers = Processes.children(of: forkServer).filter { Processes.name(of: $0)?.hasPrefix("cf-") == true }
        workersSeen.formUnion(workers)
        return workers
    }

    /// One that stands still for long is left to the pool.
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
