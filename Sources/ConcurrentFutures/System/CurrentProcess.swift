import CSystemShims
import Glibc

/// This process and its place among others.
enum CurrentProcess {
    static var pid: Int32 { getpid() }
    static var parent: Int32 { getppid() }
    /// Changes when this process is forked, in the child; costs next to nothing.
    static var forkGeneration: UInt32 { cf_fork_generation() }

    /// Lets children whose parents end become children of this process rather than of the system's first.
    static func adoptOrphans() throws(SystemError) {
        try retrying("prctl(PR_SET_CHILD_SUBREAPER)") { cf_prctl_set_child_subreaper() }
    }

    /// Has this process killed when its parent ends.
    ///
    /// - Parameter parent: the pid that the parent must still have; if it has ended before the call, no signal will ever come.
    static func dieWithParent(_ parent: Int32) throws(SystemError) {
        try retrying("prctl(PR_SET_PDEATHSIG)") { cf_prctl_set_parent_death_signal(SIGKILL) }
        if getppid() != parent { end(code: 0) }
    }

    /// Takes back what ``dieWithParent(_:)`` asked for.
    static func outliveParent() throws(SystemError) {
        try retrying("prctl(PR_SET_PDEATHSIG)") { cf_prctl_set_parent_death_signal(0) }
    }

    /// Leaves the terminal and the process group of whoever started it.
    static func startSession() {
        _ = setsid()
    }

    /// - Returns: `nil` if there is no such variable.
    static func environmentVariable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    static func setName(_ name: ThreadName) {
        _ = cf_prctl_set_name(name.cString)
    }

    /// Gives every signal its default meaning and blocks none.
    ///
    /// Handlers of crashes stay: after the start of a process those are of Swift's runtime, which writes backtraces if it was asked to.
    static func resetSignals() {
        let crashes = AllocationFailures.fatalSignals + [SIGQUIT]
        for number in Int32(1)...64 {
            var action = sigaction()
            sigaction(number, nil, &action)
            let isIgnored = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
            if isIgnored || !crashes.contains(number) { _ = signal(number, SIG_DFL) }
        }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
    }

    /// How many threads run in this process.
    ///
    /// - Throws: ``SystemError`` if `/proc` cannot be read.
    static func threadCount() throws(SystemError) -> Int {
        guard let directory = opendir("/proc/self/task") else { throw SystemError("opendir(/proc/self/task)") }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }

    /// The children that have not been reaped. Only right in a process with one thread.
    static func children() -> [Int32] {
        guard let text = readFile("/proc/thread-self/children") else { return [] }
        var children: [Int32] = []
        var pid: Int32 = 0
        // Each is followed by a space.
        for byte in text {
            if byte == UInt8(ascii: " ") {
                children.append(pid)
                pid = 0
            } else {
                pid = pid &* 10 &+ Int32(byte &- UInt8(ascii: "0"))
            }
        }
        return children
    }

    /// Ends this process without running what was registered for its end.
    static func end(code: Int32) -> Never {
        cf_exit(code)
    }
}
