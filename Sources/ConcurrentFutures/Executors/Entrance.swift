/// Where tasks come into a pool that takes only so many at a time; what to say to those that it does not take.
final class Entrance: Sendable {
    private let admission: Admission
    private let timers: ServiceThread
    private let description: String

    /// - Parameters:
    ///   - maxPending: how many tasks that have not ended there may be.
    ///   - maxPendingBytes: how many bytes their arguments may have before another is taken.
    ///   - timers: where the deadlines of those who wait are kept.
    /// - Returns: `nil` if there is no limit.
    init?(maxPending: Int?, maxPendingBytes: Int? = nil, timers: ServiceThread) {
        if maxPending == nil, maxPendingBytes == nil { return nil }
        admission = Admission(maxCount: maxPending, maxBytes: maxPendingBytes)
        self.timers = timers
        let count = maxPending.map { "\($0) tasks (maxPending)" }
        let bytes = maxPendingBytes.map { "tasks with \($0) bytes of arguments (maxPendingBytes)" }
        description = [count, bytes].compactMap { $0 }.joined(separator: ", or ")
    }

    /// Lets a task in.
    ///
    /// - Throws: ``PoolError`` with the code `queueFull` if there is no room.
    func enter(_ options: TaskOptions) throws(PoolError) {
        guard !admission.tryEnter() else { return }
        throw PoolError(
            .queueFull,
            """
            \(options.place): the pool has \(description) that have not ended, and takes no other. Await `run` or `map`, which wait for \
            room, or submit later
            """
        )
    }

    /// Lets a task in when there is room for it.
    ///
    /// - Throws: `CancellationError` if the waiting `Task` is cancelled, ``PoolError`` with the code `timedOut` if the task's deadline passes.
    nonisolated(nonsending) func enterWhenRoom(_ options: TaskOptions) async throws {
        if admission.tryEnter() { return }
        let ticket = Admission.Ticket()
        let timer = withdraw(ticket, at: options.limits?.deadlineInstant ?? 0)
        defer { timers.cancel(timer) }
        guard try await admission.enter(ticket) else { throw options.deadlinePassed(.notStarted) }
    }

    private func withdraw(_ ticket: Admission.Ticket, at instant: UInt64) -> ServiceTimer? {
        guard instant != 0 else { return nil }
        let timer = ServiceTimer()
        timers.set(timer, at: instant) { self.admission.withdraw(ticket) }
        return timer
    }

    /// Says how many bytes a task's arguments have that was let in.
    func add(bytes: Int) {
        admission.add(bytes: bytes)
    }

    /// Tasks that were let in have ended.
    func leave(count: Int = 1, bytes: Int = 0) {
        admission.leave(count: count, bytes: bytes)
    }

    /// Lets everybody in from now on: the pool refuses them in its own words.
    func close() {
        admission.close()
    }

    /// How many wait. Nothing depends on it; tests see by it that somebody waits.
    var waiterCount: Int { admission.waiterCount }
}
