import CSystemShims
import Glibc

/// How a process ended and what it had used.
struct ExitStatus: Sendable, Hashable, Codable {
    /// The signal that ended it, or 0.
    var signal: Int32
    /// What it gave to `exit`, if it ended so.
    var exitCode: Int32?
    /// The processor time it used itself, without its children, in nanoseconds.
    var processorTime: UInt64 = 0
}

/// A process that is known by more than its number, which may come to name another one.
final class ProcessHandle: Sendable {
    let pid: Int32
    let descriptor: Descriptor

    /// - Parameter pid: of a child that has not been reaped, or of the parent.
    init(pid: Int32) throws(SystemError) {
        self.pid = pid
        descriptor = try Descriptor(owning: try retrying("pidfd_open") { cf_pidfd_open(pid) })
    }

    init(pid: Int32, received descriptor: Descriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// Ends it at once; does nothing if it has ended already.
    func kill() {
        _ = cf_pidfd_send_signal(descriptor.number, SIGKILL)
    }

    /// Ends it and all others of the process group that it leads or has led, at once, as far as the system can name such a group without its
    /// number: since Linux 6.9. Before, only the process.
    func killGroup() {
        kill()
        _ = cf_pidfd_send_signal_to_group(descriptor.number, SIGKILL)
    }

    /// Asks it to end; what it does then is its own affair.
    func terminate() {
        _ = cf_pidfd_send_signal(descriptor.number, SIGTERM)
    }

    /// Takes over a child that has just been started. If that fails, the child does not live on without anybody who knows it.
    static func adopting(_ pid: Int32) throws(SystemError) -> ProcessHandle {
        do {
            return try ProcessHandle(pid: pid)
        } catch {
            _ = Glibc.kill(pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            throw error
        }
    }

    /// Waits until it has ended, or until the time has come.
    func waitUntilEnded(by deadline: ContinuousClock.Instant) {
        var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        let left = max(.zero, deadline - .now) / .milliseconds(1)
        _ = poll(&watched, 1, Int32(left.rounded(.up)))
    }

    /// Waits until it has ended, and takes leave of it; it must be a child of this process.
    ///
    /// A program that ignores the deaths of its children, or takes leave of all of them itself, may have been faster: so it is never
    /// named by its number, which may be that of another child by then.
    ///
    /// - Returns: how it ended; `nil` if somebody else took leave of it.
    @discardableResult
    func waitForEnd() -> ExitStatus? {
        var signal: Int32 = 0
        var exitCode: Int32 = 0
        while cf_reap_pidfd(descriptor.number, &signal, &exitCode) < 0 {
            if errno != EINTR { return nil }
        }
        return ExitStatus(signal: signal, exitCode: signal == 0 ? exitCode : nil)
    }

    /// Whether it was stopped by a signal, so that it does nothing until it is continued. As far as `/proc` tells; it must not have been
    /// reaped.
    var isStopped: Bool {
        guard let text = readTextFile("/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return false }
        let state = text[name...].dropFirst(2).first
        return state == "T" || state == "t"
    }

    /// Whether it has ended, reaped or not.
    var hasEnded: Bool { Self.hasEnded(descriptor) }

    /// Whether it has ended, if the descriptor is a handle of a process.
    static func hasEnded(_ descriptor: Descriptor) -> Bool {
        var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) > 0
    }
}
