import CSystemShims
import Glibc

/// Nanoseconds of the clock that every process of the machine shares and that never goes back.
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}

/// Lets another thread that is ready run on this processor first; returns at once if there is none.
func yieldProcessor() {
    sched_yield()
}
