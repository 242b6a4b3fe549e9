/// A metric of ours beside that of one peer, or alone.
package struct Row: Sendable {
    package var metric: Metric
    package var ours: Figure
    /// `nil` if nobody else has such a thing.
    package var peerName: String?
    package var peer: Figure

    package init(_ metric: Metric, ours: Figure, peerName: String? = nil, peer: Figure = .none) {
        self.metric = metric
        self.ours = ours
        self.peerName = peerName
        self.peer = peer
    }

    /// How many times better ours is.
    package var ratio: Double? {
        guard let ours = ours.median, let peer = peer.median else { return nil }
        return metric.ratio(of: ours, to: peer)
    }

    /// The goals that concern this row.
    ///
    /// - Parameter isJudged: whether it says beside each if it is reached.
    func goal(isJudged: Bool) -> String {
        var goals: [String] = []
        func add(_ goal: String, _ isReached: Bool?) {
            guard isJudged, let isReached else { return goals.append(goal) }
            goals.append(goal + (isReached ? " ✓" : " ✗"))
        }
        if let figure = metric.goal.figure {
            let sign = metric.better == .higher ? "≥" : "≤"
            add("\(sign) \(figure.short) \(metric.unit)", ours.median.flatMap(metric.isReached))
        }
        if let peerName, let wanted = metric.goal.ratios[peerName] {
            add("≥ \(wanted.short) ×", ratio.map { $0 >= wanted })
        }
        return goals.joined(separator: ", ")
    }

    /// One line of JSON. A peer that failed has its reason in `failure`.
    package var json: String {
        var fields = [
            ("metric", JSON.string(metric.id)),
            ("unit", JSON.string(metric.unit)),
            ("ours", JSON.number(ours.median)),
            ("peer", JSON.number(peer.median)),
            ("peerName", peerName.map(JSON.string) ?? "null"),
            ("ratio", JSON.number(ratio)),
        ]
        if case .failed(let reason) = ours { fields.append(("ourFailure", JSON.string(reason))) }
        if case .failed(let reason) = peer { fields.append(("failure", JSON.string(reason))) }
        return "{" + fields.map { "\(JSON.string($0)): \($1)" }.joined(separator: ", ") + "}"
    }
}

extension Table {
    /// - Parameters:
    ///   - rows: those of one metric one after the other.
    ///   - isJudged: whether it says which goals are reached.
    package init(_ rows: [Row], isJudged: Bool) {
        self.init(columns: ["metric", "ours", "peer", "peer's", "ratio", "goal"])
        for row in rows {
            add([
                "\(row.metric.title), \(row.metric.unit)",
                row.ours.text,
                row.peerName ?? "–",
                row.peer.text,
                row.ratio.map { "\($0.short) ×" } ?? "–",
                row.goal(isJudged: isJudged),
            ])
        }
    }
}
