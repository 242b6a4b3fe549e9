import CSystemShims
import Glibc

/// How a process ended and what it had used.
struct ExitStatus: Sendable, Hashable, Codable {
    /// The signal that ended it, or 0.
    var signal: Int32
    /// What it gave to `exit`, if it ended so.
    var exitCode: Int32?
    /// The processor time it used, in nanoseconds.
    var processorTime: UInt64 = 0
    /// The most memory it had resident, in bytes.
    var peakMemory: UInt64 = 0
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
    func waitForEnd() {
        while cf_reap_pidfd(descriptor.number) < 0, errno == EINTR {}
    }
}

/// This process and its place among others.
enum CurrentProcess {
    static var pid: Int32 { getpid() }
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
        if getppid() != parent { _exit(0) }
    }

    /// Leaves the terminal and the process group of whoever started it.
    static func startSession() {
        _ = setsid()
    }

    /// - Returns: `nil` if there is no such variable.
    static func environmentVariable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    static func setName(_ name: String) {
        _ = cf_prctl_set_name(name)
    }

    /// Gives every signal its default meaning and blocks none.
    static func resetSignals() {
        for number in 1...64 { _ = signal(Int32(number), SIG_DFL) }
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
        guard let text = readTextFile("/proc/self/task/\(getpid())/children") else { return [] }
        return text.split(separator: " ").compactMap { Int32($0) }
    }

    /// Closes all descriptors but the standard streams and those named.
    static func closeDescriptors(except kept: [Int32]) throws(SystemError) {
        var next: UInt32 = 3
        for number in kept.sorted() where number >= 3 {
            let last = UInt32(number) - 1
            if last >= next { try retrying("close_range") { cf_close_range(next, last) } }
            next = UInt32(number) + 1
        }
        try retrying("close_range") { cf_close_range(next, UInt32.max) }
    }

    /// Opens `/dev/null` for each standard stream that is missing.
    static func fillStandardStreams() {
        for number in Int32(0)...2 where cf_is_open(number) == 0 {
            _ = cf_open("/dev/null", O_RDWR)
        }
    }

    static func readStandardInputFromNothing() {
        let null = cf_open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard null >= 0 else { return }
        dup2(null, 0)
        if null > 2 { close(null) }
    }

    /// Makes a descriptor the standard error.
    static func redirectStandardError(to descriptor: Descriptor) {
        dup2(descriptor.number, 2)
    }

    /// A line that was printed is not lost if the process is killed.
    static func bufferStandardOutputByLine() {
        setvbuf(cf_stdout(), nil, _IOLBF, 0)
    }

    static func flushStandardStreams() {
        fflush(nil)
    }

    /// Leaves no file behind when it crashes: writing one delays the death.
    static func dumpNoCore() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }

    /// Has the system choose this process rather than its host when memory runs out.
    static func offerToOutOfMemoryKiller() {
        let file = cf_open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, "500", 3)
        close(file)
    }

    /// Ends this process without running what was registered for its end.
    static func end(code: Int32) -> Never {
        _exit(code)
    }

    /// For what a process has to say before it ends; whether anybody can read it does not matter.
    static func writeToStandardError(_ text: String) {
        var text = text
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }
}

/// Reads a small file as text; `nil` if it cannot be read.
func readTextFile(_ path: String) -> String? {
    let file = cf_open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    let chunk = 4096
    while true {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: chunk))
        let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress! + start, chunk) }
        bytes.removeLast(chunk - max(0, count))
        if count <= 0 { return count < 0 ? nil : String(decoding: bytes, as: UTF8.self) }
    }
}
