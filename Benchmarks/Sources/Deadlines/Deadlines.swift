import ArgumentParser
import ConcurrentFutures
import Glibc

/// Runs on whatever is asked of it.
func ignoreAll() {
    signal(SIGTERM, SIG_IGN)
    while true {}
}

/// How late a task that listens to nothing is dead: its process has ended, and its future says so.
@main struct Deadlines: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deadlines",
        abstract:
            "Measures how long after its deadline and the grace period a task is dead. Give it a machine that does nothing else."
    )

    /// How late a task may be dead on a machine that does nothing else, in milliseconds.
    private static let promised = 20.0

    @Option(help: "How many tasks are run into their deadlines, one after the other.")
    var tasks = 50
    @Option(help: "The deadline, in milliseconds.")
    var deadline = 50
    @Option(help: "The grace period, in milliseconds.")
    var grace = 50

    func run() async throws {
        let limit = Duration.milliseconds(deadline)
        let options = ProcessPoolOptions(gracePeriod: .milliseconds(grace))
        let overruns = try await withProcessPool(maxWorkers: 1, minWorkers: 1, options: options) { pool in
            var overruns: [Double] = []
            for _ in 0..<tasks {
                // The worker before was killed; the time of starting another one is not in question here.
                try await pool.run {}
                let start = ContinuousClock.now
                do {
                    try await pool.run(ignoreAll, deadline: limit)
                    preconditionFailure("that never ends by itself")
                } catch let error as PoolError where error.code == .timedOut {
                    overruns.append((.now - start - limit - .milliseconds(grace)) / .milliseconds(1))
                }
            }
            return overruns.sorted()
        }
        let median = rounded(overruns[overruns.count / 2])
        let worst = rounded(overruns[overruns.count - 1])
        print(
            "dead after the deadline of \(deadline) ms and \(grace) ms of grace: median \(median) ms, worst \(worst) ms"
        )
        print("the median is \(median <= Self.promised ? "" : "not ")within the \(Self.promised) ms of the contract")
    }

    private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
