import CSystemShims
import Glibc

/// A word in shared memory on which one process sleeps until another wakes it.
struct SleepWord: @unchecked Sendable {
    private let word: UnsafeMutablePointer<UInt32>

    /// - Parameter address: aligned to four bytes, in memory that both processes map, for as long as this is used.
    init(at address: UnsafeMutableRawPointer) {
        word = address.assumingMemoryBound(to: UInt32.self)
    }

    /// Sleeps unless the word no longer has the expected value; may return for no reason.
    ///
    /// - Parameter limit: how many nanoseconds at most.
    /// - Returns: whether it returns because the time has passed.
    func sleep(whileEqualTo expected: UInt32, atMost limit: Int64) -> Bool {
        cf_futex_wait(word, expected, limit) < 0 && errno == ETIMEDOUT
    }

    /// Wakes whoever sleeps.
    func wake() {
        _ = cf_futex_wake(word, Int32.max)
    }
}
