import ConcurrentFutures
import Foundation

private func answerSlowly(_ message: String) -> String {
    Thread.sleep(forTimeInterval: 2)
    return "\(message), from process \(getpid())"
}

struct SubmitProgram: Program {
    static let name = "submit"
    static let summary = "call a function in another process, and look at its future"

    func demonstrate() async throws {
        let pool = try ProcessPoolExecutor(maxWorkers: 3)
        let future = pool.submit(answerSlowly, "hello")
        print("submitted by process \(getpid()); the task sleeps for 2 s")
        print("at once     isDone: \(future.isDone)")
        try await Task.sleep(for: .seconds(1))
        print("half-way    isDone: \(future.isDone)")
        let answer = try await future.value
        print("awaited     isDone: \(future.isDone)")
        print("the result: \(answer)")
        await pool.shutdown()
    }
}
