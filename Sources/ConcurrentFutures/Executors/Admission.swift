import DequeModule
import Synchronization

/// Lets no more tasks into an executor than it is to have at a time, by their number and by their bytes.
///
/// One more is let in while both are below their limits. So the bytes may exceed theirs by those of one task for each thread that submits
/// at that moment: one that is bigger than the limit is not shut out for ever, and what a task takes need not be known before it is encoded.
///
/// Those who wait come in in the order in which they came. A place that is given up goes straight to the first of them, so nobody overtakes.
final class Admission: Sendable {
    /// One that waits, so that others can name it. Each is used once.
    final class Ticket: Sendable {
        fileprivate let isWithdrawn = Atomic(false)
    }

    private enum Wakeup {
        case admitted, withdrawn, cancelled
    }

    private struct Waiter {
        let ticket: Ticket
        /// Resumed by whoever takes the waiter out of the list, so once.
        let continuation: UnsafeContinuation<Wakeup, Never>
    }

    private struct State {
        var count = 0
        /// Below zero while a task has ended whose submitter has not yet said how big it is.
        var bytes = 0
        var isClosed = false
        // If anybody waits, there is no room.
        var waiters: Deque<Waiter> = []
    }

    private let maxCount: Int
    private let maxBytes: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - maxCount: how many tasks there may be; `nil` for any number.
    ///   - maxBytes: how many bytes they may have before another is let in; `nil` for any number.
    init(maxCount: Int?, maxBytes: Int?) {
        self.maxCount = maxCount ?? .max
        self.maxBytes = maxBytes ?? .max
    }

    /// Takes a place, if there is one.
    func tryEnter() -> Bool {
        state.withLock { enter(&$0) }
    }

    /// Takes a place, and waits for one until the ticket is withdrawn.
    ///
    /// - Returns: Whether it has a place.
    /// - Throws: `CancellationError` if the task is cancelled while it waits; then it has no place.
    nonisolated(nonsending) func enter(_ ticket: Ticket) async throws(CancellationError) -> Bool {
        if tryEnter() { return true }
        switch await wait(ticket) {
        case .admitted: return true
        case .withdrawn: return false
        case .cancelled: throw CancellationError()
        }
    }

    nonisolated(nonsending) private func wait(_ ticket: Ticket) async -> Wakeup {
        await withCancellationHandler {
            await withUnsafeContinuation { continuation in
                // A task is marked as cancelled before its handler runs, as a ticket is marked before its waiter is looked for. So what
                // is not seen here, with the lock held, takes the lock later, and finds the waiter.
                let wakeup = state.withLock { state -> Wakeup? in
                    if enter(&state) { return .admitted }
                    if Task.isCancelled { return .cancelled }
                    if ticket.isWithdrawn.load(ordering: .relaxed) { return .withdrawn }
                    state.waiters.append(Waiter(ticket: ticket, continuation: continuation))
                    return nil
                }
                if let wakeup { continuation.resume(returning: wakeup) }
            }
        } onCancel: {
            wake(ticket, .cancelled)
        }
    }

    /// Ends the wait of the one with this ticket, now or as soon as it would wait.
    func withdraw(_ ticket: Ticket) {
        // Ordered by the lock that is taken next.
        ticket.isWithdrawn.store(true, ordering: .relaxed)
        wake(ticket, .withdrawn)
    }

    private func wake(_ ticket: Ticket, _ wakeup: Wakeup) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.ticket === ticket }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: wakeup)
    }

    /// Says how big a task is that has been let in; it may have ended already.
    func add(bytes: Int) {
        state.withLock { $0.bytes += bytes }
    }

    /// Gives the places of tasks up.
    ///
    /// - Parameters:
    ///   - count: how many have ended.
    ///   - bytes: as many as were added for them, or will be.
    func leave(count: Int = 1, bytes: Int = 0) {
        let admitted = state.withLock { state in
            state.count -= count
            state.bytes -= bytes
            return admitWaiters(&state)
        }
        for waiter in admitted { waiter.continuation.resume(returning: .admitted) }
    }

    /// Lets everybody in from now on, those who wait first: the executor refuses them in its own words.
    func close() {
        let admitted = state.withLock { state in
            state.isClosed = true
            return admitWaiters(&state)
        }
        for waiter in admitted { waiter.continuation.resume(returning: .admitted) }
    }

    private func enter(_ state: inout State) -> Bool {
        guard state.isClosed || (state.count < maxCount && state.bytes < maxBytes) else { return false }
        state.count += 1
        return true
    }

    private func admitWaiters(_ state: inout State) -> [Waiter] {
        var admitted: [Waiter] = []
        while !state.waiters.isEmpty, enter(&state) { admitted.append(state.waiters.removeFirst()) }
        return admitted
    }

    /// How many wait. Nothing depends on it; tests see by it that somebody waits.
    var waiterCount: Int { state.withLock { $0.waiters.count } }
}
