import Synchronization

/// A number that tasks and threads count up and down.
final class Tally: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .relaxed) }

    @discardableResult
    func add(_ amount: Int = 1) -> Int { number.add(amount, ordering: .relaxed).newValue }

    /// Keeps the bigger one.
    func raise(to value: Int) { number.max(value, ordering: .relaxed) }
}
