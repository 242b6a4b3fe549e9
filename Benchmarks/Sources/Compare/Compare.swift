import ArgumentParser
import Glibc
import Report

/// This project beside what people use today and beside what the machine can do.
@main struct Compare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract:
            "Measures this project beside its peers. Give it a machine that does nothing else, and a release build.",
        discussion: """
            Each figure is the median of several rounds, in which all who have such a thing take turns, each in a process of its own. A ratio \
            above 1 means that this project is better, whichever way the unit has it. What each metric does stands in docs/performance.md.

            Metrics: \(Probe.allCases.flatMap(\.metrics).map(\.id).joined(separator: ", "))
            """,
        subcommands: [Measure.self]
    )

    @Option(help: "How many times each figure is got; the median is told. 5 unless it is quick.")
    var rounds: Int?
    @Option(parsing: .upToNextOption, help: "Measure these metrics alone.")
    var only: [String] = []
    @Flag(help: "Do little of everything, once: it shows that all of it works, and not how fast it is.")
    var quick = false
    @Flag(inversion: .prefixedNo, help: "Measure peers, too.")
    var peers = true
    @Flag(help: "Measure how cost grows with the tasks, the size of values and the workers; ours alone.")
    var growth = false
    @Flag(help: "Print one JSON object a line.")
    var json = false
    @Flag(help: "Print the table as Markdown.")
    var markdown = false
    @Option(help: "Write charts as SVG into this directory.")
    var plot: String?

    func validate() throws {
        if let rounds, rounds < 1 { throw ValidationError("There is no figure without a round.") }
        if json, markdown || growth { throw ValidationError("--json goes with neither --markdown nor --growth.") }
        let known = Probe.allCases.flatMap { $0.metrics.map(\.id) }
        for metric in only where !known.contains(metric) {
            throw ValidationError("There is no metric “\(metric)”. There are: \(known.joined(separator: ", ")).")
        }
    }

    @concurrent func run() async throws {
        ChildProcess.endWithThisOne()
        let settings = Settings(rounds: rounds ?? (quick ? 1 : 5), isQuick: quick, hasPeers: peers)
        #if DEBUG
            complain("This is a debug build: the figures say nothing.")
        #endif
        if growth {
            try GrowthRun(settings: settings, markdown: markdown, plot: plot).run()
            return
        }
        var run = ComparisonRun(settings: settings, only: only)
        let head = run.machine
        if json { complain(head.text) } else { print(markdown ? head.markdown : head.text, terminator: "\n\n") }
        run.measure()
        if json {
            for row in run.rows { print(row.json) }
        } else {
            let table = Table(run.rows, isJudged: !quick)
            print(markdown ? table.markdown : table.text)
        }
        if quick { complain("These are figures of little work: they show that all of it runs, and not how fast.") }
        if let plot { try Plots(directory: plot).write(run.groups) }
        if !run.failures.isEmpty {
            complain("\nWhat failed:")
            for failure in run.failures { complain(failure) }
            throw ExitCode.failure
        }
    }
}

/// What holds for a whole run.
struct Settings {
    var rounds: Int
    var isQuick: Bool
    var hasPeers: Bool

    /// How long one process may measure before it counts as stuck, in seconds.
    var timeout: Int { isQuick ? 60 : 300 }
}

/// Says something that is no result.
func complain(_ text: String) {
    var line = text + "\n"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
