import ConcurrentFutures

private func square(_ number: Int) -> Int {
    number * number
}

struct MapProgram: Program {
    static let name = "map"
    static let summary = "a function over a sequence, the results in its order"

    func demonstrate() async throws {
        let numbers = [2, 3, 4, 5]
        try await withProcessPool(maxWorkers: 3) { pool in
            var index = 0
            for try await result in pool.map(numbers, square) {
                print("the square of \(numbers[index]) is \(result)")
                index += 1
            }
        }
    }
}
