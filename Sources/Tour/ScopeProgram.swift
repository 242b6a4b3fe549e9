import ConcurrentFutures
import Foundation

private func power(_ base: Int, _ exponent: Int, modulus: Int) -> Int {
    var result = 1
    for _ in 0..<exponent { result = result * base % modulus }
    return result
}

private func workerPID() -> Int32 {
    getpid()
}

struct ScopeProgram: Program {
    static let name = "scope"
    static let summary = "a pool that lasts as long as a pair of braces"

    func demonstrate() async throws {
        let pid = try await withProcessPool(maxWorkers: 2) { pool in
            let future = pool.submit(power, 323, 1235, 1_000_007)
            print("323 to the power of 1235, modulo 1000007, is \(try await future.value)")
            let pid = try await pool.run(workerPID)
            print("inside the braces, a worker is process \(pid): \(isAlive(pid) ? "alive" : "gone")")
            return pid
        }
        print("after them, process \(pid) is \(isAlive(pid) ? "alive" : "gone")")
    }

    private func isAlive(_ pid: Int32) -> Bool {
        // The signal 0 is not sent; it only tells whether it could be.
        kill(pid, 0) == 0
    }
}
