import CSystemShims
import Glibc

extension SystemThread {
    /// Leaves all signals that are sent to the process to its other threads.
    static func blockSignals() {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
    }
}
