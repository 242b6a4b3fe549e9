import Report

/// Whoever is measured.
enum Subject: String, CaseIterable {
    case ours
    case floor = "floor (C)"
    case nio = "NIOThreadPool"
    case dispatch = "DispatchQueue"
    case taskGroup = "task group"
    case json = "JSONEncoder"
    case propertyList = "PropertyListEncoder"
    case executor = "ProcessPoolExecutor"
    case pool = "multiprocessing.Pool"
    case loky
    case pebble = "Pebble"
    case joblib

    static let python: [Subject] = [.executor, .pool, .loky, .pebble, .joblib]

    var isPython: Bool { Self.python.contains(self) }

    var kind: BarChart.Kind {
        switch self {
        case .ours: .ours
        case .floor: .floor
        default: .peer
        }
    }

    /// What a picture calls it.
    var label: String { self == .ours ? "this project" : rawValue }
}
