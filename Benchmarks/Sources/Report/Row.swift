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

    /// The goals that concern this row, and whether they are reached.
    var goal: String {
        var goals: [String] = []
        if let figure = metric.goal.figure {
            let sign = metric.better == .higher ? "≥" : "≤"
            let isReached = ours.median.flatMap(metric.isReached)
            goals.append("\(sign) \(figure.short) \(metric.unit)\(mark(isReached))")
        }
        if let peerName, let wanted = metric.goal.ratios[peerName] {
            goals.append("≥ \(wanted.short) ×\(mark(ratio.map { $0 >= wanted }))")
        }
        return goals.joined(separator: ", ")
    }

    private func mark(_ isReached: Bool?) -> String {
        switch isReached {
        case true?: " ✓"
        case false?: " ✗"
        case nil: ""
        }
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
    /// - Parameter rows: those of one metric beside each other.
    package init(_ rows: [Row]) {
        self.init(columns: ["metric", "ours", "peer", "peer's", "ratio", "goal"])
        for row in rows {
            add([
                "\(row.metric.title), \(row.metric.unit)",
                row.ours.text,
                row.peerName ?? "–",
                row.peer.text,
                row.ratio.map { "\($0.short) ×" } ?? "–",
                row.goal,
            ])
        }
    }
}
