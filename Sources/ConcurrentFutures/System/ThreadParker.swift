import Glibc

/// Puts one thread to sleep until another wakes it.
///
/// It is used once: by one thread that parks, and by one that unparks, in either order.
final class ThreadParker: @unchecked Sendable {
    // The pthread objects must not move once they are initialised, so they live behind pointers that never change.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    // Read and written with `mutex` held; that is what the unchecked conformance rests on.
    private var isUnparked = false

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        // The default clock jumps when somebody sets the time.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        // Nobody can be inside: whoever parks or unparks holds a reference.
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Sleeps until ``unpark()`` is called or the time has passed.
    ///
    /// - Parameter duration: How long to sleep at most; `nil` is for ever.
    /// - Returns: Whether it was unparked.
    func park(for duration: Duration?) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let duration {
            var deadline = Self.monotonicTime(after: duration)
            while !isUnparked, pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT {}
        } else {
            while !isUnparked { pthread_cond_wait(condition, mutex) }
        }
        return isUnparked
    }

    /// Wakes the thread that is parked, or lets the one about to park pass.
    func unpark() {
        pthread_mutex_lock(mutex)
        isUnparked = true
        // Signalled with the mutex held: the sleeper may drop the last reference as soon as it has the mutex again.
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    private static func monotonicTime(after duration: Duration) -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        // A hundred years is for ever, and does not overflow.
        let (seconds, attoseconds) = max(.zero, min(duration, .seconds(3_155_760_000))).components
        let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
        return timespec(
            tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
            tv_nsec: nanoseconds % 1_000_000_000
        )
    }
}
