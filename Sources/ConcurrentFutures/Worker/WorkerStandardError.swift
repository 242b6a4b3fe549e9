/// Where the standard error of a pool's workers goes.
public enum WorkerStandardError: String, Sendable, Codable, CaseIterable {
    /// The pool reads it, passes it on to this program's standard error line by line, and keeps the beginning and the end of what a task
    /// wrote for the error of one that fails.
    case capture
    /// Workers write to this program's standard error themselves: nothing is kept, and lines of several workers may mix.
    case inherit
}
