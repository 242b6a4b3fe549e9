import Synchronization

/// How often this process was interrupted.
enum Interruption {
    private static let count = Atomic<Int>(0)

    static var times: Int { count.load(ordering: .sequentiallyConsistent) }

    /// Touches nothing that the interrupted code might hold, provided ``times`` was read before.
    static func note() {
        count.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }
}
