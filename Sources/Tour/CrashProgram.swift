import ConcurrentFutures

private func number(in text: String) -> Int {
    Int(text)!
}

struct CrashProgram: Program {
    static let name = "crash"
    static let summary = "one task of ten traps, the other nine arrive"

    func demonstrate() async throws {
        let texts = ["1", "2", "3", "4", "5", "6", "seven", "8", "9", "10"]
        print("A worker will die. What it still writes to standard error is passed on; this program goes on too.\n")
        try await withProcessPool(maxWorkers: 3) { pool in
            let futures = texts.map { pool.submit(number, $0) }
            // The worker's words first, then the table, rather than one within the other.
            await futures.wait()
            var arrived = 0
            for (text, future) in zip(texts, futures) {
                do {
                    print("\"\(text)\"".column(9) + "is \(try await future.value)")
                    arrived += 1
                } catch let error as PoolError where error.code == .workerCrashed {
                    print("\"\(text)\"".column(9) + "cost a worker its life: \(summary(of: error))")
                }
            }
            let answer = try await pool.run { 6 * 7 }
            print("\n\(arrived) of \(texts.count) arrived, and the pool goes on: 6 × 7 = \(answer)")
        }
    }

    private func summary(of error: PoolError) -> String {
        let signal = error.signal.map { "signal \($0)" } ?? "exit code \(error.exitCode ?? 0)"
        return "\(error.code), process \(error.pid ?? 0), \(signal)"
    }
}
