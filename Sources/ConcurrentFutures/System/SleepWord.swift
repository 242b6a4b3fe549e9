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
    func sleep(whileEqualTo expected: UInt32) {
        _ = cf_futex_wait(word, expected, -1)
    }

    /// Wakes whoever sleeps.
    func wake() {
        _ = cf_futex_wake(word, Int32.max)
    }
}
