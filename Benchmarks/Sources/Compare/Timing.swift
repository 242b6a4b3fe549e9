extension Duration {
    var seconds: Double { self / .seconds(1) }
}

/// The seconds that something takes.
func seconds(_ work: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try work()
    return (ContinuousClock.now - start).seconds
}

nonisolated(nonsending) func seconds(_ work: nonisolated(nonsending) () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await work()
    return (ContinuousClock.now - start).seconds
}

/// The sum of the squares of the first whole numbers, with which results are checked.
func sumOfSquares(_ count: Int) -> Int {
    (0..<count).reduce(0) { $0 &+ $1 &* $1 }
}
