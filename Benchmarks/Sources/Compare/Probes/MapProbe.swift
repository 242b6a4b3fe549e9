import ConcurrentFutures

/// A map that divides its input by itself.
enum MapProbe {
    @concurrent static func ours(items: Int) async throws -> Figures {
        try await withWarmPool { pool in
            let seconds = try await seconds {
                var sum = 0
                for try await value in pool.map(0..<items, square) { sum &+= value }
                precondition(sum == sumOfSquares(items), "an item's value is not its square")
            }
            return ["map": Double(items) / seconds]
        }
    }
}
