/// Whether somebody waits for what a pool is given to do.
///
/// A task is urgent unless many have been submitted in a row without a thread beginning to wait for one, or many wait for a worker before it. Behind one that
/// is not, a worker may nap for some 60 µs rather than let others run again and again: tasks gather meanwhile, and the processor is left to those who submit them.
struct Urgency {
    /// How many are so many: as many tiny ones as a nap is for.
    static let many = 64

    private var waitsSeen: UInt = 0
    private var tasksInARow = 0

    /// - Parameter count: how often a thread has begun to wait until now; what matters is whether it has changed.
    mutating func noteWaits(_ count: UInt) {
        guard count != waitsSeen else { return }
        waitsSeen = count
        tasksInARow = 0
    }

    mutating func noteTask() {
        tasksInARow += 1
    }

    /// - Parameter backlog: how many tasks wait for a worker.
    func isUrgent(backlog: Int) -> Bool {
        tasksInARow < Self.many && backlog < Self.many
    }
}
