import CSystemShims
import Glibc
import Synchronization

/// Making, killing and reaping children: what the fork server does, in a process with one thread.
enum ChildProcesses {
    /// Forks.
    ///
    /// - Returns: the child's pid, or 0 in the child.
    static func fork() throws(SystemError) -> Int32 {
        // What is buffered would be written by both.
        fflush(nil)
        return try retrying("fork") { cf_fork() }
    }

    /// Kills a process and all of its group.
    static func killGroup(_ leader: Int32) {
        _ = kill(-leader, SIGKILL)
        _ = kill(leader, SIGKILL)
    }

    /// Asks a process to end.
    static func terminate(_ pid: Int32) {
        _ = kill(pid, SIGTERM)
    }

    /// A child that has ended and has not been reaped.
    enum Dead {
        case child(Int32)
        /// All children are alive.
        case none
        case noChildren
    }

    /// Waits for nothing.
    static func nextDead() -> Dead {
        var pid: pid_t = 0
        while true {
            if cf_peek_dead_child(Int32(WNOHANG), &pid) == 0 {
                return pid == 0 ? .none : .child(pid)
            }
            if errno != EINTR { return .noChildren }
        }
    }

    /// Takes leave of a child that has ended; its number may be given to another process from here on.
    static func reap(_ pid: Int32) -> ExitStatus {
        var status: Int32 = 0
        // What the system tells as its usage has that of its own children in it.
        let processorTime = processorTime(of: pid)
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return ExitStatus(
            signal: cf_wait_status_signal(status),
            exitCode: cf_wait_status_exited(status) != 0 ? cf_wait_status_exit_code(status) : nil,
            processorTime: processorTime
        )
    }

    /// What a process has used itself, on all of its threads, in nanoseconds; also of one that has ended and was not reaped.
    private static func processorTime(of pid: Int32) -> UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Has a bell rung when a child has ended. There is one in a process, and it is never given up.
    ///
    /// It is rung by a handler of the signal. A `signalfd` would miss deaths: a thread that something else in the program started does not
    /// block the signal, and what it takes is thrown away.
    static func ringAtDeaths(_ bell: Doorbell) throws(SystemError) {
        deathBellNumber.store(bell.descriptor.number, ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in
            let error = errno
            var one: UInt64 = 1
            write(deathBellNumber.load(ordering: .relaxed), &one, 8)
            errno = error
        }
        action.sa_flags = SA_RESTART | SA_NOCLDSTOP
        try retrying("sigaction") { sigaction(SIGCHLD, &action, nil) }
    }

    /// In a child that was forked by a process which had one rung: the child's own children end unheard.
    static func ringAtDeathsNoMore() {
        cf_default_signal(SIGCHLD)
    }
}

/// What the handler of ``ChildProcesses/ringAtDeaths(_:)`` rings: a handler can be given nothing else than a global variable.
private let deathBellNumber = Atomic<Int32>(-1)
