/// What there is to say at the end.
struct Summary {
    private let judge: Judge
    private let workersAtWork: Int

    init(_ judge: Judge, workersAtWork: Int) {
        self.judge = judge
        self.workersAtWork = workersAtWork
    }

    func show() {
        let counts = judge.ledger.counts
        for name in ["submitted", "finished", "cancelled", "retried"] { print("\(name): \(counts[name, default: 0])") }
        for name in counts.keys.sorted() where name.hasPrefix("failed") { print("\(name): \(counts[name]!)") }
        let inflictions = judge.inflictions
        print("workers that were given work: \(workersAtWork)")
        for (name, isForkServer) in [("workers", false), ("fork servers", true)] {
            let numbers = Inflictions.Deed.allCases.map {
                "\(inflictions.count([$0], isForkServer: isForkServer)) \($0.sentence)"
            }
            print("\(name): \(numbers.joined(separator: ", "))")
        }
        let violations = judge.ledger.violations
        print("violations: \(violations.count)")
        for violation in violations { print("- \(violation)") }
    }
}

extension Inflictions.Deed {
    fileprivate var sentence: String {
        switch self {
        case .killed: "killed"
        case .continued: "stopped and continued"
        case .left: "stopped for good"
        case .squeezed: "refused memory"
        }
    }
}
