import ConcurrentFutures
import Glibc
import Surroundings

func square(_ number: Int) -> Int { number * number }

func twice<Value: Codable & Sendable>(_ value: Value) -> [Value] { [value, value] }

func slowSquare(_ number: Int) async throws -> Int {
    try await Task.sleep(for: .milliseconds(1))
    return number * number
}

func beyondTheEnd(_ index: Int) -> Int {
    let none: [Int] = []
    return none[index]
}

private struct Job: Codable, Sendable {
    var name: String
    var sizes: [Int]
}

private func size(_ job: Job) -> Int { job.sizes.reduce(0, +) }

/// Whether a program that a task starts finds the variable by which the task's own process was started.
func programSeesTheVariable() -> Bool {
    var pid: pid_t = 0
    let script = #"test -z "${CONCURRENT_FUTURES_BOOTSTRAP+set}""#
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
    defer { for argument in arguments { free(argument) } }
    guard posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0 else { return true }
    var status: Int32 = -1
    waitpid(pid, &status, 0)
    return status != 0
}

/// The ordinary program: `@main`, one module. Run with `spawn`, its workers are spawned; with `main-only` it makes no pool.
@main struct Basics {
    static func main() async {
        report("basics: own main")
        if CommandLine.arguments.contains("main-only") { return }
        enterMain()
        let method: StartMethod = CommandLine.arguments.contains("spawn") ? .spawn : .forkServer
        await reportingErrors(as: "basics") {
            try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in try await check(pool) }
        }
    }

    private static func check(_ pool: ProcessPoolExecutor) async throws {
        struct Local: Codable, Sendable {
            var number: Int
        }
        expect(try await pool.run(square, 12) == 144, "a global function")
        expect(try await pool.run({ $0 + 1 }, 1) == 2, "a closure")
        expect(try await pool.run(slowSquare, 3) == 9, "an async function")
        expect(try await pool.run(twice, "a") == ["a", "a"], "a generic function")
        expect(try await pool.run(size, Job(name: "j", sizes: [1, 2])) == 3, "a private type")
        expect(try await pool.run({ (local: Local) in local.number }, Local(number: 7)) == 7, "a local type")
        expect(try await pool.submit({ $0 + 2 }, 1).value == 3, "a closure that is submitted")
        expect(try await pool.submit(twice, "b").value == ["b", "b"], "a generic function that is submitted")
        expect(
            try await pool.submit(size, Job(name: "j", sizes: [1, 2, 3])).value == 6,
            "a private type that is submitted"
        )
        expect(try await pool.map(1...100, square).collect() == (1...100).map(square), "a map")
        expect(try await !pool.run(programSeesTheVariable), "a program that a task starts inherits the variable")
        await expectCrash(pool.submit(beyondTheEnd, 1))
        expect(try await pool.run(square, 5) == 25, "a task after a crash")
    }

    private static func expectCrash(_ future: Future<Int>) async {
        let result = await future.result
        guard case .failure(let error as PoolError) = result, error.code == .workerCrashed else {
            return expect(false, "a crash gave \(result)")
        }
    }
}
