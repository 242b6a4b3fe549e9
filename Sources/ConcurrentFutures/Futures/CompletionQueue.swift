import Synchronization

/// Where futures report that they are done, and one consumer waits for them.
///
/// It knows futures by their position only, so that it keeps none alive.
final class CompletionQueue: Sendable {
    enum Delivery {
        /// Never empty.
        case positions([UInt32])
        /// The queue was closed, and everything reported before has been delivered.
        case closed
        case cancelled
    }

    private struct State: Sendable {
        var positions: [UInt32] = []
        var isClosed = false
        var consumer: UnsafeContinuation<Bool, Never>?
        /// How many positions the consumer waits for: a wait for a thousand futures wakes up once.
        var needed = 1

        var isDeliverable: Bool { positions.count >= needed || isClosed }

        mutating func takeConsumer() -> UnsafeContinuation<Bool, Never>? {
            defer { consumer = nil }
            return consumer
        }
    }

    private let state = Mutex(State())

    /// Says that a future is done. It runs on the thread that completed it.
    func report(_ position: UInt32) {
        let consumer = state.withLock { state -> UnsafeContinuation<Bool, Never>? in
            guard !state.isClosed else { return nil }
            state.positions.append(position)
            return state.isDeliverable ? state.takeConsumer() : nil
        }
        consumer?.resume(returning: true)
    }

    /// Ends the queue: what is reported from now on is ignored.
    func close() {
        let consumer = state.withLock { state in
            state.isClosed = true
            return state.takeConsumer()
        }
        consumer?.resume(returning: true)
    }

    /// Takes what was reported since the last time, and waits if that is less than asked for and the queue is open.
    nonisolated(nonsending) func take(atLeast needed: Int) async -> Delivery {
        while true {
            let delivery = state.withLock { state -> Delivery? in
                state.needed = needed
                guard state.isDeliverable else { return nil }
                guard !state.positions.isEmpty else { return .closed }
                defer { state.positions = [] }
                return .positions(state.positions)
            }
            if let delivery { return delivery }
            guard await suspend() else { return .cancelled }
        }
    }

    /// The answer is `false` if the task was cancelled.
    nonisolated(nonsending) private func suspend() async -> Bool {
        await withCancellationHandler {
            await withUnsafeContinuation { continuation in
                // The continuation is resumed once: here if it is not stored, else by whoever takes it out of the state.
                // A task is marked as cancelled before its handler runs. So a cancellation that is not seen here, with
                // the lock held, has its handler take the lock later, and find the continuation.
                let answer = state.withLock { state -> Bool? in
                    if state.isDeliverable { return true }
                    if Task.isCancelled { return false }
                    state.consumer = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.takeConsumer() }?.resume(returning: false)
        }
    }
}
