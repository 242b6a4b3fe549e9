import CSystemShims
import Synchronization

/// Puts one thread to sleep until another wakes it.
///
/// It is used once: by one thread that parks, and by one that unparks, in either order.
final class ThreadParker: @unchecked Sendable {
    private enum State {
        static let waiting: UInt32 = 0
        static let parked: UInt32 = 1
        static let unparked: UInt32 = 2
    }

    // The kernel looks at the word, so it must not move; that it stays where it is, is what the unchecked conformance rests on.
    private let state: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
        state = .allocate(capacity: 1)
        state.initialize(to: Atomic(State.waiting))
    }

    deinit {
        // Nobody can be inside: whoever parks or unparks holds a reference.
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Whether ``unpark()`` was called.
    var isUnparked: Bool { state.pointee.load(ordering: .acquiring) == State.unparked }

    /// Sleeps until ``unpark()`` is called or the time has passed.
    ///
    /// - Parameter duration: How long to sleep at most; `nil` is for ever.
    /// - Returns: Whether it was unparked.
    func park(for duration: Duration?) -> Bool {
        let isParked = state.pointee.compareExchange(
            expected: State.waiting,
            desired: State.parked,
            ordering: .acquiringAndReleasing
        ).exchanged
        guard isParked else { return true }
        guard let duration else {
            while !isUnparked { _ = cf_futex_wait(word, State.parked, -1) }
            return true
        }
        let deadline = monotonicNanoseconds() + duration.clampedNanoseconds
        while !isUnparked {
            let now = monotonicNanoseconds()
            guard now < deadline else { return isUnparked }
            _ = cf_futex_wait(word, State.parked, Int64(clamping: deadline - now))
        }
        return true
    }

    /// Wakes the thread that is parked, or lets the one about to park pass.
    func unpark() {
        // The sleeper may drop its reference as soon as it sees this; the caller has one of its own.
        if state.pointee.exchange(State.unparked, ordering: .acquiringAndReleasing) == State.parked {
            _ = cf_futex_wake(word, 1)
        }
    }

    private var word: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(state).assumingMemoryBound(to: UInt32.self)
    }
}
