import ArgumentParser
import Glibc
import PoolSimulation
import Synchronization

/// The seed of the sequence that is being run, for the handler of the signal with which a broken rule ends the program.
private let currentSeed = Atomic<UInt64>(0)

private func nameSeedOnFailure() {
    for number in [SIGILL, SIGTRAP] {
        signal(number) { _ in
            var digits = "the rule was broken by --first \(currentSeed.load(ordering: .relaxed)) --seeds 1\n"
            digits.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
            _exit(1)
        }
    }
}

/// Runs a process pool's state machine through long random sequences of events, each from a seed of its own.
@main struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Holds the pool's state machine to its rules, whatever happens in whatever order.",
        discussion: "The first sequence that breaks a rule stops the program, which names its seed."
    )

    @Option(help: "How many sequences to run.")
    var seeds = 100_000
    @Option(help: "The seed of the first.")
    var first: UInt64 = 0
    @Option(help: "How many events each sequence has before the pool is ended.")
    var events = 150

    func validate() throws {
        guard seeds > 0, events > 0 else { throw ValidationError("--seeds and --events must be at least 1") }
    }

    func run() throws {
        nameSeedOnFailure()
        var counts: [PoolSimulation.Fate: Int] = [:]
        for seed in first..<(first + UInt64(seeds)) {
            currentSeed.store(seed, ordering: .relaxed)
            var simulation = PoolSimulation(seed: seed)
            simulation.run(events: events)
            for fate in simulation.fates.values { counts[fate, default: 0] += 1 }
        }
        let total = counts.values.reduce(0, +)
        print("\(seeds) sequences, \(total) tasks, each of which ended once:")
        for fate in PoolSimulation.Fate.allCases { print("  \(fate.rawValue): \(counts[fate, default: 0])") }
    }
}
