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

/// Blocks the thread until an instant of ``monotonicNanoseconds()``.
func blockUntil(_ instant: UInt64) {
    var time = timespec(tv_sec: Int(instant / 1_000_000_000), tv_nsec: Int(instant % 1_000_000_000))
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
}

/// Suspends the task until an instant of ``monotonicNanoseconds()``, or until the task is cancelled.
nonisolated(nonsending) func sleepUntil(_ instant: UInt64) async {
    while true {
        let now = monotonicNanoseconds()
        guard now < instant, !Task.isCancelled else { return }
        try? await Task.sleep(for: .nanoseconds(Int64(instant - now)), clock: .suspending)
    }
}
