/// What a task does, and so in which ways of its own it may fail.
enum Kind: String, CaseIterable, Sendable {
    case quick, echo, nap, listen, refuse, crash, spin, hog, persist, mapItem, run, tight, offspring, squeeze

    /// Whether it does something to its worker of which others suffer.
    var isTorment: Bool { self == .squeeze }

    /// How often it is chosen, beside the others.
    var weight: Int {
        switch self {
        case .quick: 300
        case .echo: 120
        case .nap: 80
        case .listen: 60
        case .refuse: 50
        case .run: 40
        case .persist, .tight: 25
        case .crash: 20
        case .mapItem: 12
        case .spin, .offspring: 8
        case .hog: 4
        case .squeeze: 2
        }
    }

    private static let totalWeight = allCases.reduce(0) { $0 + $1.weight }

    static func random(using generator: inout some RandomNumberGenerator) -> Kind {
        var number = Int.random(in: 0..<totalWeight, using: &generator)
        for kind in allCases {
            if number < kind.weight { return kind }
            number -= kind.weight
        }
        preconditionFailure("a number below the sum of the weights belongs to one of them")
    }
}
