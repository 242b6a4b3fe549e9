/// What there is to say at the end.
struct Summary {
    private let judge: Judge
    private let workersSeen: Int
    private let workersAtWork: Int

    /// - Parameters:
    ///   - workersSeen: how many workers are known to have been started.
    ///   - workersAtWork: how many of them have begun a task.
    init(_ judge: Judge, workersSeen: Int, workersAtWork: Int) {
        self.judge = judge
        self.workersSeen = workersSeen
        self.workersAtWork = workersAtWork
    }

    func show() {
        let counts = judge.ledger.counts
        print("submitted: \(judge.ledger.submitted)")
        for name in ["finished", "cancelled"] { print("\(name): \(counts[name, default: 0])") }
        for name in counts.keys.sorted() where name.hasPrefix("failed") { print("\(name): \(counts[name]!)") }
        print("retried: \(counts["retried", default: 0])")
        for name in counts.keys.sorted() where name.hasPrefix("retried ") { print("\(name): \(counts[name]!)") }
        let inflictions = judge.inflictions
        print("workers started: at least \(workersSeen), of which \(workersAtWork) have begun a task")
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
        case .left: "stopped for long"
        case .squeezed: "refused memory"
        }
    }
}
