import Synchronization

/// Leave to keep one of a bounded number of things of which the system gives a process few; given back with its last reference.
final class Lease: Sendable {
    /// How many there may be in this process at once.
    final class Stock: Sendable {
        private let limit: Int
        private let taken = Atomic<Int>(0)

        init(_ limit: Int) {
            self.limit = limit
        }

        /// - Returns: `nil` if so many are kept already.
        func lease() -> Lease? {
            guard taken.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
                giveBack()
                return nil
            }
            return Lease(from: self)
        }

        fileprivate func giveBack() {
            taken.wrappingSubtract(1, ordering: .relaxed)
        }
    }

    private let stock: Stock

    private init(from stock: Stock) {
        self.stock = stock
    }

    deinit {
        stock.giveBack()
    }
}
