/// Whether anybody waits for what a pool is given to do, as far as it is known.
///
/// A task is urgent unless it is at least the 64th in a row without anybody having waited for one, or at least 64 are left in the backlog when it is sent; and in any case if its worker
/// takes longer than some 15 µs for one. Behind one that is not, a worker naps for some 60 µs rather than let others run again and again: tiny tasks gather meanwhile, and the
/// processor is left to who submits them.
struct Urgency {
    /// As many tiny ones as a nap is for.
    static let many = 64

    private var waitsSeen: UInt = 0
    private var tasksInARow = 0

    /// - Parameter count: a number that changes whenever somebody waits.
    /// - Returns: whether somebody has waited since this was called last.
    @discardableResult
    mutating func noteWaits(_ count: UInt) -> Bool {
        guard count != waitsSeen else { return false }
        waitsSeen = count
        noteWait()
        return true
    }

    mutating func noteWait() {
        tasksInARow = 0
    }

    mutating func noteTask() {
        tasksInARow += 1
    }

    /// - Parameters:
    ///   - backlog: how many tasks wait for a worker.
    ///   - depth: how many tasks the worker gets through in a millisecond.
    func isUrgent(backlog: Int, depth: Int) -> Bool {
        depth < Self.many || (tasksInARow < Self.many && backlog < Self.many)
    }
}
