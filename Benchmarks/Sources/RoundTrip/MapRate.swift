import ConcurrentFutures

extension RoundTrip {
    @concurrent func mapRate(_ pool: ProcessPoolExecutor) async throws -> Double {
        let start = ContinuousClock.now
        var sum = 0
        for try await n in pool.map(0..<10_000_000, square) { sum &+= n }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        precondition(sum == (0..<10_000_000).reduce(0) { $0 &+ $1 * $1 })
        return 10 / seconds
    }
}
