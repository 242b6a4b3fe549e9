import ConcurrentFutures
import Surroundings

func cube(_ number: Int) -> Int { number * number * number }

enterMain()
await reportingErrors(as: "top-level") {
    try await withProcessPool(maxWorkers: 2) { pool in
        expect(try await pool.run(cube, 3) == 27, "a global function of main.swift")
        expect(try await pool.run({ $0 + 1 }, 1) == 2, "a closure of main.swift")
        expect(try await pool.map([1, 2, 3]) { $0 * 2 }.collect() == [2, 4, 6], "a map in main.swift")
    }
}
