import CSystemShims
import Glibc

/// Ends this process when it has used so much processor time, on all of its threads together.
///
/// A limit of resources (`RLIMIT_CPU`) would count from the process's birth and in whole seconds, and could not be raised again for the
/// next task. Timers of the process's own clock can, and are looked at with each tick of the system, some hundred times a second. Children
/// do not inherit them.
///
/// The first signal may be handled by what runs here, to write something down; the second one, a second of processor time later, cannot.
final class ProcessorTimer {
    /// Ends a process unless it is handled, and is sent for nothing else than processor time.
    static let signal = SIGXCPU
    /// How much more may be used after that.
    static let respite: UInt64 = 1_000_000_000

    private let warning: timer_t?
    private let end: timer_t?

    /// - Throws: ``SystemError`` if the system gives no timer.
    init() throws(SystemError) {
        warning = try Self.make(Self.signal)
        end = try Self.make(SIGKILL)
    }

    private static func make(_ signal: Int32) throws(SystemError) -> timer_t? {
        var event = sigevent()
        event.sigev_notify = Int32(SIGEV_SIGNAL)
        event.sigev_signo = signal
        var timer: timer_t?
        try retrying("timer_create") { timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) }
        return timer
    }

    /// Counts from now.
    func start(_ nanoseconds: UInt64) {
        set(warning, nanoseconds)
        set(end, nanoseconds + Self.respite)
    }

    func stop() {
        set(warning, 0)
        set(end, 0)
    }

    /// - Parameter nanoseconds: 0 for never.
    private func set(_ timer: timer_t?, _ nanoseconds: UInt64) {
        var time = itimerspec()
        time.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
        time.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
        timer_settime(timer, 0, &time, nil)
    }

    /// How much this process has used since its birth, in nanoseconds.
    static var used: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
