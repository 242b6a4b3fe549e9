/// What came of measuring one metric of one subject, several times over.
package enum Figure: Sendable, Equatable {
    case measured(Sample)
    /// It has no such thing.
    case none
    /// It could not be measured, and why.
    case failed(String)

    package var median: Double? {
        guard case .measured(let sample) = self else { return nil }
        return sample.median
    }

    /// As it stands in a table.
    package var text: String {
        switch self {
        case .measured(let sample): sample.text
        case .none: "–"
        case .failed(let reason): "failed: \(reason)"
        }
    }
}

/// The figures of all rounds.
package struct Sample: Sendable, Equatable {
    private let sorted: [Double]

    /// - Parameter values: at least one.
    package init(_ values: [Double]) {
        precondition(!values.isEmpty, "there is no median of nothing")
        sorted = values.sorted()
    }

    package var median: Double {
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// The median, and between which figures it lies.
    var text: String {
        guard sorted.count > 1, sorted[0] != sorted[sorted.count - 1] else { return median.short }
        return "\(median.short) (\(sorted[0].short) … \(sorted[sorted.count - 1].short))"
    }
}
