import Testing

@testable import ConcurrentFutures

@Suite("An option that makes no sense", .timeLimit(.minutes(5)))
struct PoolOptionsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var options: ProcessPoolOptions
        /// What the message must say.
        var sentence: String
        var testDescription: String { sentence }

        init(_ sentence: String, _ change: (inout ProcessPoolOptions) -> Void) {
            options = ProcessPoolOptions()
            change(&options)
            self.sentence = sentence
        }
    }

    static let cases = [
        Case("timeout is 0.0 seconds; it must be more than zero") { $0.timeout = .zero },
        Case("timeout is -1.0 seconds") { $0.timeout = .seconds(-1) },
        Case("gracePeriod is -1.0 seconds; it must not be negative") { $0.gracePeriod = .seconds(-1) },
        Case("gracePeriod is 2.0 seconds; it must not be longer than timeout, which is 1.0 seconds") {
            $0.gracePeriod = .seconds(2)
            $0.timeout = .seconds(1)
        },
        Case("maxTasksPerWorker is 0; it must be at least 1") { $0.maxTasksPerWorker = 0 },
        Case("idleTimeout is 0.0 seconds; it must be more than zero") { $0.idleTimeout = .zero },
        Case("maxPending is 0; it must be at least 1") { $0.maxPending = 0 },
        Case("maxPendingBytes is -5; it must be at least 1") { $0.maxPendingBytes = -5 },
        Case("memoryLimit is 1000; it must be at least 1048576") { $0.memoryLimit = 1000 },
        Case("cpuTimeLimit is 0.0 seconds; it must be more than zero") { $0.cpuTimeLimit = .zero },
        Case("niceness is 20; it must be between 0 and 19") { $0.niceness = 20 },
        Case("niceness is -1; it must be between 0 and 19") { $0.niceness = -1 },
        Case("processors is empty; it must name at least one processor") { $0.processors = [] },
        Case("processors names 70000, 70002-70004, which this program may not use; it may use ") {
            $0.processors = [70_000, 70_002, 70_003, 70_004]
        },
        Case("environment has a variable \"A=B\"; a name must not be empty or contain \"=\"") {
            $0.environment = ["A=B": "c"]
        },
        Case("environment has a variable \"\"") { $0.environment = ["": nil] },
        Case("environment gives A a value with a zero byte") { $0.environment = ["A": "b\0c"] },
        Case("environment has the variable CONCURRENT_FUTURES_BOOTSTRAP, which belongs to the pool") {
            $0.environment = ["CONCURRENT_FUTURES_BOOTSTRAP": nil]
        },
        Case("workingDirectory is \"/nowhere/at/all\", where no worker can start: access: No such file") {
            $0.workingDirectory = "/nowhere/at/all"
        },
        Case("workingDirectory is \"/dev/null\", where no worker can start: access: Not a directory") {
            $0.workingDirectory = "/dev/null"
        },
        Case("workingDirectory is \"\", where no worker can start") { $0.workingDirectory = "" },
    ]

    // E13
    @Test("is refused where the pool is made, by name", arguments: cases)
    func refused(_ wrong: Case) {
        let error = #expect(throws: PoolError.self) {
            _ = try ProcessPoolExecutor(maxWorkers: 1, options: wrong.options)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(wrong.sentence) == true, "\(error?.message ?? "")")
    }

    @Test("is not one that lies at the edge of what is allowed")
    func edges() throws {
        let all = try #require(AvailableProcessors.affinity)
        let options = ProcessPoolOptions(
            timeout: .seconds(1),
            gracePeriod: .seconds(1),
            maxTasksPerWorker: 1,
            idleTimeout: .nanoseconds(1),
            maxPending: 1,
            maxPendingBytes: 1,
            memoryLimit: 1 << 20,
            cpuTimeLimit: .nanoseconds(1),
            niceness: 19,
            processors: all,
            environment: ["A": "", "B": nil],
            workingDirectory: "."
        )
        #expect(throws: Never.self) { _ = try ProcessPoolExecutor(maxWorkers: 1, options: options) }
        #expect(throws: Never.self) {
            _ = try ProcessPoolExecutor(maxWorkers: 1, options: ProcessPoolOptions(gracePeriod: .zero))
        }
    }

    @Test("is not the grace period that nobody gave: it is never longer than the timeout")
    func usualGracePeriod() throws {
        func gracePeriod(_ timeout: Duration?) throws -> Duration {
            try PoolSettings(
                maxWorkers: 1,
                minWorkers: 0,
                startMethod: .forkServer,
                name: "",
                options: ProcessPoolOptions(timeout: timeout)
            ).gracePeriod
        }
        #expect(try gracePeriod(nil) == .seconds(1))
        #expect(try gracePeriod(.seconds(5)) == .seconds(1))
        #expect(try gracePeriod(.milliseconds(20)) == .milliseconds(20))
    }

    @Test("is not the number of workers that nobody gave: there are no more than processors for them")
    func usualNumberOfWorkers() throws {
        let one = try #require(AvailableProcessors.affinity?.min())
        let pool = try ProcessPoolExecutor(options: ProcessPoolOptions(processors: [one]))
        #expect(pool.maxWorkers == 1)
    }
}
