import CSystemShims
import Synchronization

/// A lock for short work on values that several threads want all the time.
///
/// `Mutex` hands over through the kernel where two threads meet: whoever comes second sleeps, and is given the lock by the one who leaves,
/// who cannot have it back before the other has been woken. Measured with one thread that submits and one that takes results, that was most of what a task
/// cost. This one goes to whoever asks first, it can be tried without a system call, and it is waited for a moment before the thread sleeps.
///
/// The states are those of U. Drepper, "Futexes Are Tricky" (2011), the third mutex.
struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    private struct State {
        static var free: UInt32 { 0 }
        static var held: UInt32 { 1 }
        /// Held, and somebody may sleep.
        static var contended: UInt32 { 2 }
    }

    /// How often to look before sleeping; what is done under such a lock takes some microseconds.
    private static var looksBeforeSleeping: Int { 100 }

    // The kernel looks at the word, so it must not move.
    private let state: UnsafeMutablePointer<Atomic<UInt32>>
    private let value: UnsafeMutablePointer<Value>

    init(_ value: consuming Value) {
        state = .allocate(capacity: 1)
        state.initialize(to: Atomic(State.free))
        self.value = .allocate(capacity: 1)
        self.value.initialize(to: value)
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Waits for the lock, and calls the body with it.
    func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        if !tryLock() { lockSlowly() }
        defer { unlock() }
        return try body(&value.pointee)
    }

    /// Calls the body if nobody has the lock. It makes no system call, and everything before it is seen by whoever gets the lock next.
    ///
    /// - Returns: `nil` if somebody has it.
    func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard tryLock() else { return nil }
        defer { unlock() }
        return try body(&value.pointee)
    }

    /// Waits for the lock, calls the body with it, and keeps it until ``release()``, which another process may call that was forked meanwhile.
    func acquire(_ body: (inout Value) -> Void) {
        if !tryLock() { lockSlowly() }
        body(&value.pointee)
    }

    func release() {
        unlock()
    }

    private func tryLock() -> Bool {
        state.pointee.compareExchange(
            expected: State.free,
            desired: State.held,
            ordering: .sequentiallyConsistent
        ).exchanged
    }

    private func lockSlowly() {
        for _ in 0..<Self.looksBeforeSleeping {
            if state.pointee.load(ordering: .relaxed) == State.free, tryLock() { return }
            cf_spin_hint()
        }
        while state.pointee.exchange(State.contended, ordering: .sequentiallyConsistent) != State.free {
            _ = cf_futex_wait(word, State.contended, -1)
        }
    }

    private func unlock() {
        if state.pointee.exchange(State.free, ordering: .sequentiallyConsistent) == State.contended {
            _ = cf_futex_wake(word, 1)
        }
    }

    private var word: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(state).assumingMemoryBound(to: UInt32.self)
    }
}
