import ArgumentParser
import CSystemShims
import ConcurrentFutures
import Glibc
import PoolSimulation

/// Runs a real pool under random tasks while its processes are killed, stopped and short of memory.
@main struct Chaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Shows that nothing hangs, nothing is lost and nothing is done twice, whatever happens to the workers.",
        discussion: """
            Exits with 1 if a task was lost, done twice or failed for a reason that was not inflicted on it, or if the pool left \
            something behind; with 2 if it does not come to an end.
            """
    )

    @Option(help: "How many minutes to torment the pool.")
    var minutes: Double = 1
    @Option(help: "How many seconds, instead.")
    var seconds: Double?
    @Option(help: "How many workers the pool has at most.")
    var workers = 4
    @Option(help: "How workers are started: \(StartMethod.allCases.map(\.rawValue).joined(separator: " or ")).")
    var startMethod = StartMethod.forkServer
    @Option(help: "What the random choices begin with; by default another one each time.")
    var seed = UInt64.random(in: 0...999_999)
    @Flag(help: "Show neither what is inflicted nor what crashing workers write to standard error.")
    var quiet = false

    private var time: Double { seconds ?? minutes * 60 }

    func validate() throws {
        guard time > 0, time < 1e6 else { throw ValidationError("--minutes and --seconds must be more than 0") }
        guard workers > 0 else { throw ValidationError("--workers must be at least 1") }
    }

    func run() async throws {
        // Also where it is not read by a terminal: what was said last matters if it hangs.
        setvbuf(cf_stdout(), nil, _IOLBF, 0)
        print("chaos --seconds \(time) --workers \(workers) --start-method \(startMethod) --seed \(seed)")
        if quiet { dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO) }
        let ledger = Ledger()
        await Watchdog.start(seconds: time + Watchdog.patience, ledger)
        // What the runtime makes at its first use is not the pool's. A sleep that is over before it was begun, as on a busy machine, opens
        // nothing; behind one that is not, it does not matter.
        Task { try await Task.sleep(for: .seconds(1_000_000)) }
        try await Task.sleep(for: .milliseconds(1))
        let trace = Traces(mark: Mark())
        let log = try BeginLog()
        defer { log.remove() }

        let judge = Judge(ledger: ledger, inflictions: Inflictions())
        let outcome = try await torment(judge, log, trace.mark)
        print("… all tasks have ended")
        for remark in trace.remarks(judge.inflictions) + outcome.remarks { ledger.violation(remark) }
        for (trial, _) in ledger.openTasks() { ledger.violation("\(trial.kind) \(trial.shortID): called back never") }
        let begins = try log.read()
        judge.close(begins)
        let workersAtWork = Set(begins.map(\.pid))
        let workersSeen = outcome.workersSeen.union(workersAtWork).count
        Summary(judge, workersSeen: workersSeen, workersAtWork: workersAtWork.count).show()
        if !ledger.violations.isEmpty { throw ExitCode(1) }
    }

    private struct Outcome {
        /// What is wrong with memory.
        var remarks: [String] = []
        var workersSeen: Set<Int32> = []
    }

    /// So much of the time nothing is inflicted any more, in seconds: then no delay is excused.
    private var calmTime: Double { min(10, time / 8) }

    /// A quarter of the time goes before memory is looked at first.
    private func torment(_ judge: Judge, _ log: BeginLog, _ mark: Mark) async throws -> Outcome {
        var generator = SeededGenerator(seed: seed)
        let pool = try ProcessPoolExecutor(
            maxWorkers: workers,
            startMethod: startMethod,
            options: ProcessPoolOptions(
                gracePeriod: .milliseconds(400),
                maxTasksPerWorker: [1, 500, nil].randomElement(using: &generator)!,
                idleTimeout: Bool.random(using: &generator) ? .milliseconds(500) : nil,
                memoryLimit: 96 << 20,
                environment: [Mark.variable: mark.value]
            )
        )
        var load = Load(pool, judge, log, generator: SeededGenerator(seed: generator.next()))
        let start = monotonicTime()
        let nanoseconds = UInt64(time * 1e9)
        let quiet = quiet
        var tormentor = Tormentor(
            pool,
            judge.inflictions,
            mostWorkers: workers,
            generator: SeededGenerator(seed: generator.next())
        ) { worker in
            guard let begin = try? log.read().last(where: { $0.pid == worker }) else { return false }
            return !begin.isLimited && judge.ledger.isOpen(begin.id)
        } report: { line in
            if !quiet { print("\((monotonicTime() - start) / 1_000_000) ms: \(line)") }
        }
        var memory: [Int] = []
        for end in [start + nanoseconds / 4, start + nanoseconds - UInt64(calmTime * 1e9)] {
            let seed = generator.next()
            async let tasks: Void = load.run(until: end, generator: SeededGenerator(seed: seed))
            await tormentor.run(until: end)
            await tasks
            memory.append(Processes.ownMemory())
        }
        tormentor.release()
        load.isCalm = true
        let end = monotonicTime() + UInt64(calmTime * 1e9)
        await load.run(until: end, generator: SeededGenerator(seed: generator.next()))
        await pool.shutdown()
        print(
            "resident memory of its own: \(memory[0] >> 10) KiB after a quarter of the time, \(memory[1] >> 10) KiB at the end"
        )
        var outcome = Outcome(workersSeen: tormentor.workersSeen)
        let growth = memory[1] - memory[0]
        if growth > Self.allowedGrowth { outcome.remarks.append("memory grew by \(growth >> 20) MiB") }
        return outcome
    }

    /// What the allocator may keep for itself of what tasks have had, besides the program's own notes.
    private static let allowedGrowth = 16 << 20
}

extension StartMethod: ExpressibleByArgument {}
