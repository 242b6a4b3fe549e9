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
        if CommandLine.arguments.count > 1 { return await replaced(goAhead: CommandLine.arguments[1]) }
        for method in StartMethod.allCases {
            await reportingErrors(as: "shared-host, \(method)") {
                try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in
                    expect(try await pool.run(run, Job(number: 1)) == 2, "a private type")
                    expect(try await pool.run({ $0 * 2 }, 4) == 8, "a closure")
                    expect(try await pool.run({ try await later($0) }, 4) == 5, "an async closure")
                    expect(try await pool.submit(run, Job(number: 5)).value == 6, "a private type that is submitted")
                    expect(try await pool.submit({ $0 * 2 }, 5).value == 10, "a closure that is submitted")
                    expect(
                        try await pool.submit({ try await later($0) }, 5).value == 6,
                        "an async closure that is submitted"
                    )
                }
            }
        }
    }

    /// Makes another pool after the script has put another build of the library in the place of the one in use, and then creates `goAhead`.
    private static func replaced(goAhead: String) async {
        await reportingErrors(as: "shared-host") {
            try await withProcessPool(maxWorkers: 1) { pool in
                expect(try await pool.run(run, Job(number: 1)) == 2, "a task before")
                report("ready")
                expect(waitForFile(goAhead), "the script did not go ahead")
                expect(try await pool.run(run, Job(number: 2)) == 3, "a task in a worker that runs already")
            }
            try await withProcessPool(maxWorkers: 1) { pool in
                expect(try await pool.run(run, Job(number: 1)) == 2, "a task after")
            }
        }
    }
}

private func later(_ number: Int) async throws -> Int {
    try await Task.sleep(for: .milliseconds(1))
    return number + 1
}
