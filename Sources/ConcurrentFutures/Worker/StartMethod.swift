/// How a worker comes to life.
public enum StartMethod: String, Sendable, Codable, CaseIterable {
    /// Forked from a fork server, which is this program stopped before its `main`: under a millisecond a worker.
    case forkServer
    /// A new process of this program for each worker: for programs whose libraries may not be forked. Some milliseconds a worker.
    case spawn
}
