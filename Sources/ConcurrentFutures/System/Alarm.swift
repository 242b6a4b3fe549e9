import CSystemShims
import Glibc

/// Wakes a ``Poller`` at a time, on the clock of ``monotonicNanoseconds()``. May be set from any thread.
final class Alarm: Sendable {
    let descriptor: Descriptor

    init() throws(SystemError) {
        let number = try retrying("timerfd_create") {
            timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK))
        }
        descriptor = try Descriptor(owning: number)
    }

    /// Sets it, in place of the time that was set before. A time that has passed rings it at once.
    func set(_ time: UInt64) {
        // Zero would unset it.
        let time = max(1, time)
        var setting = itimerspec()
        setting.it_value = timespec(tv_sec: Int(time / 1_000_000_000), tv_nsec: Int(time % 1_000_000_000))
        timerfd_settime(descriptor.number, Int32(TFD_TIMER_ABSTIME), &setting, nil)
    }

    func silence() {
        var count: UInt64 = 0
        while read(descriptor.number, &count, 8) < 0, errno == EINTR {}
    }
}
