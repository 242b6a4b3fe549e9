/// Workers that could not be started because this program was short of something, descriptors for instance, as it may be for a moment.
struct PostponedStarts {
    private var workers: [WorkerID] = []
    /// When to try again; `nil` if there are none.
    private(set) var nextTry: UInt64?
    /// Since when every start has failed.
    private var failingSince: UInt64?

    /// How long it is tried again; after that a start that fails has failed.
    static let patience: UInt64 = 1_000_000_000
    static let timeBetweenTries: UInt64 = 50_000_000
    /// What was so long ago is another story.
    static let memory: UInt64 = 10_000_000_000

    /// Puts off a start that has failed.
    ///
    /// - Returns: `false` if it has been tried for long enough.
    mutating func postpone(_ worker: WorkerID, now: UInt64) -> Bool {
        if failingSince.map({ now - $0 > Self.memory }) != false { failingSince = now }
        guard now - failingSince! < Self.patience else { return false }
        workers.append(worker)
        if nextTry == nil { nextTry = now + Self.timeBetweenTries }
        return true
    }

    mutating func succeeded() {
        failingSince = nil
    }

    /// The workers to be started now, if it is time.
    mutating func take(now: UInt64) -> [WorkerID] {
        guard let time = nextTry, time <= now else { return [] }
        nextTry = nil
        defer { workers = [] }
        return workers
    }

    /// - Returns: whether its start was put off, and will not come now.
    mutating func remove(_ worker: WorkerID) -> Bool {
        guard let index = workers.firstIndex(of: worker) else { return false }
        workers.remove(at: index)
        if workers.isEmpty { nextTry = nil }
        return true
    }
}
