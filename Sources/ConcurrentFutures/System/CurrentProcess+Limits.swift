import CSystemShims
import Glibc

/// What the system lets this process have, and whom it prefers.
extension CurrentProcess {
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
}
