import Dispatch
import Glibc

/// Ends the program if it does not come to an end by itself.
enum Watchdog {
    /// How long after the time is up everything must have ended, in seconds: a worker that stands still is seen by the limits of its
    /// tasks or continued, and a fork server that does is seen by what it does not answer.
    static let patience = 60.0

    /// Returns when all is there that it needs, which is then not taken for the pool's.
    static func start(seconds: Double, _ ledger: Ledger) async {
        // A queue and not a Swift task: those run on threads that might all hang.
        DispatchQueue(label: "watchdog").asyncAfter(deadline: .now() + seconds) {
            print("it hangs; \(ledger.openCount) tasks have not ended:")
            fflush(nil)
            // The pool may not even answer in which state they are.
            signal(SIGALRM) { _ in _exit(2) }
            alarm(10)
            for (trial, describe) in ledger.openTasks() {
                let age = (monotonicTime() - trial.start) / 1_000_000
                let deadline = trial.deadline.map { "deadline \($0)" } ?? "no deadline"
                print("  \(trial.kind) \(trial.shortID), \(age) ms old, \(deadline): \(describe())")
            }
            fflush(nil)
            _exit(2)
        }
        await withUnsafeContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(1)) { continuation.resume() }
        }
    }
}
