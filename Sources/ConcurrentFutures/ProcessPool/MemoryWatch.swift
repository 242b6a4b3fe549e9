/// When the memory of which worker is to be looked at, and what that means. Reads nothing itself.
///
/// A worker is watched while it has tasks. It is looked at again when it could have come to its limit at the earliest, so that a worker
/// far from it costs next to nothing and one that grows is seen within a few milliseconds.
struct MemoryWatch {
    private struct Watched {
        /// What it had at its birth.
        let baseline: UInt64
        var peak: UInt64 = 0
        /// `nil` while it has no tasks.
        var nextLook: UInt64?
    }

    private let limit: UInt64
    private var workers: [WorkerID: Watched] = [:]

    /// In bytes for each nanosecond: what a thread or two can touch of new memory.
    private static let fastestGrowth: UInt64 = 4
    private static let shortestWait: UInt64 = 2_000_000
    private static let longestWait: UInt64 = 50_000_000

    init(limit: UInt64) {
        self.limit = limit
    }

    mutating func add(_ id: WorkerID, baseline: UInt64) {
        workers[id] = Watched(baseline: baseline)
    }

    mutating func remove(_ id: WorkerID) {
        workers[id] = nil
    }

    /// The worker has been given something to do.
    mutating func begin(_ id: WorkerID, now: UInt64) {
        if workers[id]?.nextLook == nil { workers[id]?.nextLook = now + Self.shortestWait }
    }

    /// The worker has nothing to do.
    mutating func pause(_ id: WorkerID) {
        workers[id]?.nextLook = nil
    }

    /// When a worker is to be looked at next; `nil` if none is.
    var nextLook: UInt64? {
        workers.values.lazy.compactMap(\.nextLook).min()
    }

    /// The workers that are to be looked at now.
    func due(now: UInt64) -> [WorkerID] {
        workers.filter { $0.value.nextLook.map { $0 <= now } ?? false }.map(\.key)
    }

    /// A worker has been looked at.
    ///
    /// - Parameter memory: all that it has of its own, in bytes; `nil` if that could not be seen.
    /// - Returns: what it has beyond its birth, if that is more than it may have.
    mutating func saw(_ id: WorkerID, _ memory: UInt64?, now: UInt64) -> UInt64? {
        guard let watched = workers[id] else { return nil }
        let size = memory.map { $0 - min($0, watched.baseline) } ?? 0
        workers[id]!.peak = max(watched.peak, size)
        guard size <= limit else {
            workers[id]!.nextLook = nil
            return size
        }
        let wait = min(max((limit - size) / Self.fastestGrowth, Self.shortestWait), Self.longestWait)
        workers[id]!.nextLook = now + wait
        return nil
    }

    /// The most that was seen of a worker beyond its birth.
    func peak(of id: WorkerID) -> UInt64 {
        workers[id]?.peak ?? 0
    }
}
