import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("What surrounds a worker", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct SurroundingsTests {
    // P13
    @Test("an environment of the pool's own: set, replaced and removed", arguments: StartMethod.allCases)
    func environment(method: StartMethod) async throws {
        let options = ProcessPoolOptions(environment: [
            "CF_TEST_NEW": "a=b c", "CF_TEST_EMPTY": "", "HOME": "/elsewhere", "PATH": nil,
        ])
        #expect(getenv("PATH") != nil && getenv("HOME") != nil && getenv("CF_TEST_NEW") == nil)
        try await withProcessPool(maxWorkers: 1, startMethod: method, options: options) { pool async throws in
            #expect(try await pool.run(StartupWork.environment, "CF_TEST_NEW") == "a=b c")
            #expect(try await pool.run(StartupWork.environment, "CF_TEST_EMPTY") == "")
            #expect(try await pool.run(StartupWork.environment, "HOME") == "/elsewhere")
            #expect(try await pool.run(StartupWork.environment, "PATH") == nil)
            #expect(try await pool.run(StartupWork.environment, OwnProgram.variable) == nil)
            #expect(try await pool.run(StartupWork.environment, "SWIFT_BACKTRACE")?.contains("no") == true)
        }
    }

    // The handlers of a memory limit must not hide those of the runtime.
    @Test(
        "backtraces where the pool's environment asks for them, but never questions",
        arguments: [(StartMethod.forkServer, Int?(64 << 20)), (.spawn, nil)]
    )
    func backtraces(method: StartMethod, memoryLimit: Int?) async throws {
        for (wanted, isOn) in [("enable=yes", true), ("enable=no", false)] {
            let options = ProcessPoolOptions(memoryLimit: memoryLimit, environment: ["SWIFT_BACKTRACE": wanted])
            try await withProcessPool(maxWorkers: 1, startMethod: method, options: options) { pool async throws in
                let setting = try await pool.run(StartupWork.environment, "SWIFT_BACKTRACE")
                #expect(setting == wanted + ",interactive=no")
                let error = await pool.submit(ProcessWork.die, .trap).result.error as? PoolError
                #expect(error?.code == .workerCrashed && error?.signal == SIGILL)
                // Whether they are complete is the runtime's affair.
                #expect(error?.standardError?.contains("Backtrac") ?? false == isOn)
            }
        }
    }

    // P13
    @Test("a working directory of the pool's own", arguments: StartMethod.allCases)
    func workingDirectory(method: StartMethod) async throws {
        let directory = try TemporaryDirectory()
        let options = ProcessPoolOptions(workingDirectory: directory.path)
        let path = URL(fileURLWithPath: directory.path).resolvingSymlinksInPath().path
        try await withProcessPool(maxWorkers: 1, startMethod: method, options: options) { pool async throws in
            #expect(try await pool.run(StartupWork.directory) == path)
            try await pool.run(Work.touch, "here")
        }
        #expect(directory.has("here"))
        try await withProcessPool(
            maxWorkers: 1,
            preload: .call(Work.touch, "preloaded"),
            options: options
        ) { pool async throws in
            _ = try await pool.run(Work.answer)
        }
        #expect(directory.has("preloaded"))
    }

    @Test("a relative working directory counts from where the pool was made")
    func relativeWorkingDirectory() async throws {
        // In a worker, because the directory of this process is everybody's.
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let seen = try await outer.run { () async throws -> [String] in
                let directory = try TemporaryDirectory()
                try FileManager.default.createDirectory(
                    atPath: directory.file("below"),
                    withIntermediateDirectories: false
                )
                chdir(directory.path)
                let expected = StartupWork.directory() + "/below"
                let pool = try ProcessPoolExecutor(maxWorkers: 1, options: .init(workingDirectory: "below"))
                chdir("/")
                let found = try await pool.run(StartupWork.directory)
                await pool.shutdown()
                return [expected, found]
            }
            #expect(seen[0] == seen[1])
        }
    }

    @Test("a working directory that went meanwhile breaks the pool, and is named")
    func lostWorkingDirectory() async throws {
        var directory: TemporaryDirectory? = try TemporaryDirectory()
        let path = try #require(directory?.path)
        let pool = try ProcessPoolExecutor(maxWorkers: 1, options: ProcessPoolOptions(workingDirectory: path))
        directory = nil
        let error = try #require(await pool.submit(Work.answer).result.error as? PoolError)
        #expect(error.code == .brokenPool)
        #expect(error.message.contains("workingDirectory is \"\(path)\"") && error.message.contains("No such file"))
        await pool.shutdown()
    }

    @Test(
        "a standard error that is captured, or the host's own",
        arguments: StartMethod.allCases,
        WorkerStandardError.allCases
    )
    func standardError(method: StartMethod, standardError: WorkerStandardError) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("words")
        let kept = try await withProcessPool(maxWorkers: 1) { outer async throws in
            // In a worker, because it is the host's own standard error that is looked at.
            try await outer.run(
                {
                    (path: String, method: StartMethod, standardError: WorkerStandardError) async throws -> [String?] in
                    dup2(creat(path, 0o600), 2)
                    let options = ProcessPoolOptions(standardError: standardError)
                    return try await withProcessPool(maxWorkers: 1, startMethod: method, options: options) {
                        pool async throws in
                        let isPipe = try await pool.run { () -> Bool in
                            var status = stat()
                            fstat(2, &status)
                            return status.st_mode & S_IFMT == S_IFIFO
                        }
                        let failure = await pool.submit { () -> Int in
                            StartupWork.say("last words")
                            exit(3)
                        }.result.error
                        return [(failure as? PoolError)?.standardError, isPipe ? "pipe" : "file"]
                    }
                },
                path,
                method,
                standardError
            )
        }
        #expect(kept == (standardError == .capture ? ["last words\n", "pipe"] : [nil, "file"]))
        #expect(lines(of: path) == ["last words"])
    }
}
