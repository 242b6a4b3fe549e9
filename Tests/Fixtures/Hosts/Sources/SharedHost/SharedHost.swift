import SharedPool
import Surroundings

private struct Job: Codable, Sendable {
    var number: Int
}

private func run(_ job: Job) -> Int { job.number + 1 }

/// A program that has the library from a dynamic library.
@main struct SharedHost {
    static func main() async {
        enterMain()
        for method in StartMethod.allCases {
            await reportingErrors(as: "shared-host, \(method)") {
                try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in
                    expect(try await pool.run(run, Job(number: 1)) == 2, "a private type")
                    expect(try await pool.run({ $0 * 2 }, 4) == 8, "a closure")
                    expect(try await pool.run({ try await later($0) }, 4) == 5, "an async closure")
                }
            }
        }
    }
}

private func later(_ number: Int) async throws -> Int {
    try await Task.sleep(for: .milliseconds(1))
    return number + 1
}
