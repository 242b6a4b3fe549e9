/// One that is told when a future ends.
enum FutureWaiter: Sendable {
    /// Why a suspended task goes on.
    enum Wakeup {
        case lookAgain
        case cancelled
    }

    /// A task that needs the value. Its continuation is resumed by whoever takes the waiter out of the list, so once.
    case task(UnsafeContinuation<Wakeup, Never>, ticket: UInt32)
    /// A thread that needs the value.
    case thread(ThreadParker)
    /// A queue that needs to know that the future is done, not how: it decodes nothing.
    case queue(CompletionQueue, position: UInt32)

    /// Must be called without a lock: a resumed task may run at once.
    func wake(_ wakeup: Wakeup = .lookAgain) {
        switch self {
        case .task(let continuation, _): continuation.resume(returning: wakeup)
        case .thread(let parker): parker.unpark()
        case .queue(let queue, let position): queue.report(position)
        }
    }
}

/// Those who wait for one future, in the order in which they came.
///
/// Nearly every future has one at most, so one costs no allocation.
enum FutureWaiters: Sendable {
    case none
    case one(FutureWaiter)
    case many([FutureWaiter])

    var count: Int {
        switch self {
        case .none: 0
        case .one: 1
        case .many(let all): all.count
        }
    }

    var isEmpty: Bool {
        if case .none = self { true } else { false }
    }

    mutating func append(_ waiter: FutureWaiter) {
        switch self {
        case .none: self = .one(waiter)
        case .one(let first): self = .many([first, waiter])
        case .many(var all):
            self = .none  // or the array would be copied
            all.append(waiter)
            self = .many(all)
        }
    }

    /// Takes out the first that the predicate is true of.
    mutating func remove(where isSought: (FutureWaiter) -> Bool) -> FutureWaiter? {
        switch self {
        case .none: return nil
        case .one(let waiter):
            guard isSought(waiter) else { return nil }
            self = .none
            return waiter
        case .many(var all):
            guard let index = all.firstIndex(where: isSought) else { return nil }
            self = .none
            let waiter = all.remove(at: index)
            self = .many(all)
            return waiter
        }
    }

    mutating func removeAll() -> FutureWaiters {
        let all = self
        self = .none
        return all
    }

    func wakeAll() {
        switch self {
        case .none: break
        case .one(let waiter): waiter.wake()
        case .many(let waiters): for waiter in waiters { waiter.wake() }
        }
    }
}
