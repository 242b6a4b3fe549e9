import CSystemShims
import Glibc

/// What the system lets this process have, and whom it prefers.
extension CurrentProcess {
    /// Leaves no file behind when it crashes: writing one delays the death.
    static func dumpNoCore() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }

    /// How many descriptors this process may have.
    static var descriptorLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Has the system choose this process rather than its host when memory runs out.
    static func offerToOutOfMemoryKiller() {
        let file = cf_open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, "500", 3)
        close(file)
    }

    /// Lets others go before this process.
    ///
    /// - Parameter steps: how much nicer it becomes than it was; the nicest is 19.
    static func becomeNicer(by steps: Int) throws(SystemError) {
        // A niceness of -1 looks like a failure.
        errno = 0
        let niceness = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        guard niceness != -1 || errno == 0 else { throw SystemError("getpriority") }
        try retrying("setpriority") {
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, min(19, niceness + Int32(steps)))
        }
    }

    /// Runs on these processors alone.
    static func restrict(to processors: [Int]) throws(SystemError) {
        var mask = [UInt](repeating: 0, count: (processors.max() ?? 0) / UInt.bitWidth + 1)
        for processor in processors { mask[processor / UInt.bitWidth] |= 1 << UInt(processor % UInt.bitWidth) }
        try retrying("sched_setaffinity") { cf_sched_setaffinity(mask.count * MemoryLayout<UInt>.size, mask) }
    }

    /// Refuses memory to this process beyond so much that it may write to, resident or not.
    static func limitData(to bytes: UInt64) throws(SystemError) {
        let resource = __rlimit_resource_t(RLIMIT_DATA.rawValue)
        var limit = rlimit()
        try retrying("getrlimit(RLIMIT_DATA)") { getrlimit(resource, &limit) }
        // Never more than it has: only the system's administrator may raise that.
        let bytes = min(rlim_t(bytes), limit.rlim_max)
        limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
        try retrying("setrlimit(RLIMIT_DATA)") { setrlimit(resource, &limit) }
    }
}
