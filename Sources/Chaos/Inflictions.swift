import Synchronization

/// What was done to the pool, by which failures are judged.
final class Inflictions: Sendable {
    enum Deed: String, CaseIterable {
        case killed, continued, left, squeezed
    }

    struct Infliction {
        let pid: Int32
        let isForkServer: Bool
        let deed: Deed
        let start: UInt64
        /// When it was over: the process was continued, or is gone. A kill is over at once.
        var end: UInt64?

        func isFelt(from start: UInt64, to end: UInt64, aftermath: UInt64 = 0) -> Bool {
            self.start <= end && (self.end ?? .max) >= start - min(start, aftermath)
        }

        /// Whether it makes tasks wait of which nobody has said that they were its worker's. In the place of a worker that was killed another
        /// one starts at once.
        var isDelay: Bool { isForkServer || deed == .continued || deed == .left }
    }

    private let all = Mutex<[Infliction]>([])

    /// To be called before the deed: what comes of it may be seen before it returns.
    func add(_ pid: Int32, _ deed: Deed, isForkServer: Bool = false) {
        let now = monotonicTime()
        let end = deed == .killed ? now : nil
        all.withLock {
            $0.append(Infliction(pid: pid, isForkServer: isForkServer, deed: deed, start: now, end: end))
        }
    }

    /// The process that was stopped has been continued.
    func continued(_ pid: Int32) {
        end { $0 == pid }
    }

    /// Looks which of those that were stopped are gone.
    func lookForEnds() {
        let stopped = all.withLock { $0.filter { $0.end == nil }.map(\.pid) }
        let gone = Set(stopped.filter { !Processes.isAlive($0) })
        if !gone.isEmpty { end(gone.contains) }
    }

    private func end(_ isMeant: (Int32) -> Bool) {
        let now = monotonicTime()
        all.withLock { all in
            for index in all.indices where all[index].end == nil && isMeant(all[index].pid) { all[index].end = now }
        }
    }

    // MARK: Questions

    func of(_ pid: Int32) -> [Infliction] {
        all.withLock { $0.filter { $0.pid == pid } }
    }

    /// Processes that stand still and will not be continued.
    func standing() -> [Infliction] {
        all.withLock { $0.filter { $0.deed == .left && $0.end == nil } }
    }

    /// What was done in this time, or was over so short a time before that it is still felt.
    func between(_ start: UInt64, _ end: UInt64, aftermath: UInt64) -> [Infliction] {
        all.withLock { $0.filter { $0.isFelt(from: start, to: end, aftermath: aftermath) } }
    }

    func count(_ deeds: Set<Deed>, isForkServer: Bool) -> Int {
        all.withLock { $0.count { deeds.contains($0.deed) && $0.isForkServer == isForkServer } }
    }
}
