import Report

/// All probes, one after the other, and what came of them.
struct ComparisonRun {
    /// A probe's rows, which one picture shows.
    struct Group {
        var probe: Probe
        var rows: [Row]
    }

    private let settings: Settings
    private let probes: [Probe]
    private let only: Set<String>
    private let measurement: Measurement
    let machine: Machine
    private(set) var groups: [Group] = []
    /// Each with all that the process said that failed.
    private(set) var failures: [String] = []

    /// - Parameter only: the metrics that are asked for; all if there are none.
    init(settings: Settings, only: [String]) {
        self.settings = settings
        self.only = Set(only)
        probes = Probe.allCases.filter { probe in
            only.isEmpty || probe.metrics.contains { only.contains($0.id) }
        }
        var peers = Result<PythonPeers, ChildProcess.Failure>.failure(.init(reason: "not asked for", standardError: ""))
        var versions: [String: String] = [:]
        if settings.hasPeers, probes.contains(where: { $0.peers.contains(where: \.isPython) }) {
            peers = Result { () throws(ChildProcess.Failure) in try PythonPeers() }
            versions = (try? peers.get().versions()) ?? [:]
        }
        if settings.hasPeers, probes.contains(.threads) { versions["swift-nio"] = nioVersion }
        measurement = Measurement(timeout: settings.timeout, peers: peers)
        machine = Machine(peers: versions)
    }

    var rows: [Row] { groups.flatMap(\.rows) }

    mutating func measure() {
        for probe in probes {
            let start = ContinuousClock.now
            groups.append(Group(probe: probe, rows: rows(of: probe)))
            complain("\(probe.rawValue): \((ContinuousClock.now - start).seconds.short) s")
        }
    }

    private mutating func rows(of probe: Probe) -> [Row] {
        let peers = settings.hasPeers ? probe.peers : []
        var outcomes: [Subject: Outcome] = [:]
        for _ in 0..<settings.rounds {
            // In turn, so that what the machine does meanwhile concerns all alike.
            for subject in [.ours] + peers { measure(probe, subject, &outcomes) }
        }
        return probe.metrics.filter { only.isEmpty || only.contains($0.id) }.flatMap { metric in
            let ours = outcomes[.ours]?.figure(of: metric) ?? .none
            let rows = peers.map { peer in
                Row(metric, ours: ours, peerName: peer.rawValue, peer: outcomes[peer]?.figure(of: metric) ?? .none)
            }
            // A row for each would only say that nobody has such a thing.
            return rows.allSatisfy { $0.peer == .none } ? [Row(metric, ours: ours)] : rows
        }
    }

    private mutating func measure(_ probe: Probe, _ subject: Subject, _ outcomes: inout [Subject: Outcome]) {
        // What has failed once, or is not there, is not tried again.
        if let outcome = outcomes[subject], !outcome.isMeasured { return }
        do throws(ChildProcess.Failure) {
            let size = probe.size.of(subject, isQuick: settings.isQuick)
            guard let figures = try measurement(probe, of: subject, size: size) else {
                outcomes[subject] = Outcome.none
                return
            }
            outcomes[subject, default: .measured([])].add(figures)
        } catch {
            outcomes[subject] = .failed(error.reason)
            failures.append("\(subject.rawValue), \(probe.rawValue): \(error.reason)\n\(error.standardError)")
        }
    }

    /// What all rounds of a probe have given for one subject.
    private enum Outcome {
        case measured([Figures])
        case none
        case failed(String)

        var isMeasured: Bool {
            if case .measured = self { true } else { false }
        }

        mutating func add(_ figures: Figures) {
            guard case .measured(let rounds) = self else { return }
            self = .measured(rounds + [figures])
        }

        func figure(of metric: Metric) -> Figure {
            switch self {
            case .measured(let rounds):
                let values = rounds.compactMap { $0[metric.id] }
                return values.isEmpty ? .none : .measured(Sample(values))
            case .none: return .none
            case .failed(let reason): return .failed(reason)
            }
        }
    }
}

/// As Package.swift has it.
private let nioVersion = "2.101.2"
