import ConcurrentFutures
import Glibc
import Surroundings

/// Programs that a script does something to while they run; each prints "ready" when it may.
@main struct Scenes {
    static func main() async {
        enterMain()
        let arguments = CommandLine.arguments
        let method: StartMethod = arguments.contains("spawn") ? .spawn : .forkServer
        switch arguments.dropFirst().first {
        case "grandchildren": await grandchildren(method)
        case "replaced": await replaced(method, goAhead: arguments[2])
        case "interrupted": await interrupted(method)
        case "burden": await burden(method, Burden.Place(rawValue: arguments[2])!)
        case "habit": await parent(method, Habit(rawValue: arguments[2])!)
        default:
            report("usage: Scenes grandchildren | replaced <file> | interrupted | burden <place> | habit <name>")
            exit(2)
        }
    }

    /// Waits to be killed, while tasks run that have started processes of every kind.
    private static func grandchildren(_ method: StartMethod) async {
        await reportingErrors(as: "grandchildren") {
            try await withProcessPool(maxWorkers: 3, startMethod: method) { pool in
                try await pool.run(runShell, "sleep 1000 & setsid sleep 1000 & (sleep 1000 &) ; (setsid sleep 1000 &)")
                pool.submit(runShell, "sleep 1000")
                pool.submit(runShell, "setsid sh -c 'sleep 1000 & (setsid sleep 1000 &) ; sleep 1000'; true")
                let running = pool.submit(runShell, "sleep 1000")
                while !running.isRunning { try await Task.sleep(for: .milliseconds(1)) }
                report("ready")
                try await running.value
            }
        }
    }

    /// Is killed while a hundred megabytes are on the way, and another task has started a process.
    private static func burden(_ method: StartMethod, _ place: Burden.Place) async {
        await reportingErrors(as: "burden") {
            try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in
                pool.submit(runShell, "sleep 1000")
                _ = try await pool.run { getpid() }
                report("ready")
                _ = try await pool.run(Burden.carry, Burden(place, host: getpid()))
                expect(false, "the host has outlived its burden")
            }
        }
    }

    /// Starts new workers after the script has put another file in the place of this program, and then creates `goAhead`.
    private static func replaced(_ method: StartMethod, goAhead: String) async {
        await reportingErrors(as: "replaced") {
            try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in
                let first = try await pool.run { getpid() }
                report("ready")
                expect(try await pool.run(waitForFile, goAhead), "the script did not go ahead")
                await crash(pool)
                await crash(pool)
                let second = try await pool.run { getpid() }
                expect(first != second, "no worker was started anew")
            }
            // A pool whose first process is started from the old program, too.
            try await withProcessPool(maxWorkers: 1, startMethod: method) { pool in
                expect(try await pool.run { 6 * 7 } == 42, "a pool made afterwards")
            }
        }
    }

    private static func crash(_ pool: ProcessPoolExecutor) async {
        let code = await pool.submit { _exit(9) }.result
        guard case .failure(let error as PoolError) = code, error.code == .workerCrashed else {
            return expect(false, "_exit gave \(code)")
        }
    }

    /// Gets Ctrl-C from the terminal while a task runs.
    private static func interrupted(_ method: StartMethod) async {
        let release = "/tmp/fixture-\(getpid())"
        expect(Interruption.times == 0, "interrupted too early")
        signal(SIGINT) { _ in Interruption.note() }
        await reportingErrors(as: "interrupted") {
            try await withProcessPool(maxWorkers: 1, startMethod: method) { pool in
                let worker = try await pool.run { getpid() }
                let running = pool.submit(pidAfterFile, release)
                while !running.isRunning { try await Task.sleep(for: .milliseconds(1)) }
                report("ready")
                let limit = ContinuousClock.now + .seconds(10)
                while Interruption.times == 0, .now < limit {
                    try await Task.sleep(for: .milliseconds(5))
                }
                expect(Interruption.times == 1, "the host got no Ctrl-C")
                close(creat(release, 0o600))
                defer { unlink(release) }
                expect(try await running.value == worker, "the task ended in another worker")
            }
        }
    }
}

/// Runs a command of the shell to its end.
func runShell(_ command: String) {
    var status: Int32 = 0
    waitpid(startShell(command), &status, 0)
}

/// - Returns: the shell's pid.
func startShell(_ command: String) -> Int32 {
    var pid: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(command), nil]
    defer { for argument in arguments { free(argument) } }
    guard posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0 else { fatalError("no shell") }
    return pid
}

func pidAfterFile(_ path: String) -> Int32 { waitForFile(path) ? getpid() : -1 }
