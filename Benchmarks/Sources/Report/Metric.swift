/// What is measured.
package struct Metric: Sendable {
    /// Which way is better.
    package enum Direction: Sendable {
        case higher
        case lower
    }

    /// What is to be reached.
    package struct Goal: Sendable {
        /// The figure itself; `nil` if only others are a measure for it.
        var figure: Double?
        /// How many times better than whom, by their names.
        var ratios: [String: Double]

        package init(_ figure: Double? = nil, ratios: [String: Double] = [:]) {
            self.figure = figure
            self.ratios = ratios
        }
    }

    package var id: String
    package var title: String
    package var unit: String
    package var better: Direction
    package var goal: Goal

    package init(_ id: String, _ title: String, unit: String, better: Direction, goal: Goal = Goal()) {
        self.id = id
        self.title = title
        self.unit = unit
        self.better = better
        self.goal = goal
    }

    /// How many times better one figure is than another; `nil` if that is no number.
    package func ratio(of ours: Double, to other: Double) -> Double? {
        let (numerator, denominator) = better == .higher ? (ours, other) : (other, ours)
        if numerator == denominator { return 1 }
        return denominator == 0 ? nil : numerator / denominator
    }

    func isReached(by figure: Double) -> Bool? {
        goal.figure.map { better == .higher ? figure >= $0 : figure <= $0 }
    }
}
