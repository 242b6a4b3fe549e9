import ConcurrentFutures
import Glibc
import Surroundings

extension Scenes {
    /// Uses pools in a program with a habit, which has children of its own, too.
    static func parent(_ method: StartMethod, _ habit: Habit) async {
        habit.begin()
        await reportingErrors(as: habit.rawValue) {
            try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in
                try await checkWork(pool)
                try await checkDeaths(pool)
                checkOwnChild(habit)
                try await checkLossOfForkServer(pool)
            }
            if method == .forkServer { await checkPreload(habit) }
            // None that the pools have made, and none of the program's own.
            expect(waitpid(-1, nil, WNOHANG) == -1 && errno == ECHILD, "a child is left")
        }
    }

    /// What tasks do is not changed by what their host does.
    private static func checkWork(_ pool: ProcessPoolExecutor) async throws {
        expect(try await pool.map(0..<100) { $0 * $0 }.collect() == (0..<100).map { $0 * $0 }, "a map")
        for signal in [SIGCHLD, SIGPIPE] {
            expect(try await pool.run(hasDefaultAction, signal), "a worker inherits the action for signal \(signal)")
        }
        expect(try await pool.run(exitCodeOfShell, "exit 7") == 7, "the end of a process that a task has started")
        try await pool.run(writeMuch)
    }

    private static func checkDeaths(_ pool: ProcessPoolExecutor) async throws {
        for round in 0..<5 {
            let exited = await crash(pool.submit { _exit(9) })
            expect(exited.exitCode == 9 && exited.signal == nil, "round \(round), _exit: \(exited)")
            let pid = try await pool.run { getpid() }
            expect(pid != exited.pid, "round \(round), no worker was started anew")
            let killed = await crash(pool.submit { _ = kill(getpid(), SIGKILL) })
            expect(killed.signal == SIGKILL && killed.exitCode == nil, "round \(round), SIGKILL: \(killed)")
        }
    }

    /// The pool leaves it to the program to take leave of what is not the pool's.
    private static func checkOwnChild(_ habit: Habit) {
        let pid = startShell("exit \(Deaths.codeOfOwnChild)")
        if habit.reapsAll {
            for _ in 0..<2000 where Deaths.ofOwnChild == 0 { usleep(5000) }
            expect(Deaths.ofOwnChild == 1, "the program's own child was taken from it")
        } else {
            var status: Int32 = 0
            let reaped = waitpid(pid, &status, 0)
            if habit == .ignoresDeaths {
                expect(reaped == -1, "deaths are not ignored any more")
            } else {
                let isOwn = reaped == pid && status == Deaths.codeOfOwnChild << 8
                expect(isOwn, "the program's own child: \(reaped), \(status)")
            }
        }
    }

    /// Nobody but the host itself could tell how its fork server ended.
    private static func checkLossOfForkServer(_ pool: ProcessPoolExecutor) async throws {
        for round in 0..<3 {
            let lost = await crash(pool.submit(killForkServer))
            expect(lost.message.contains("fork server"), "round \(round), the fork server was killed: \(lost)")
            expect(try await pool.run(square, 12) == 144, "round \(round), a task after that")
        }
    }

    private static func checkPreload(_ habit: Habit) async {
        do {
            try await withProcessPool(maxWorkers: 1, preload: .call { _exit(4) }) { pool in
                expect(try await pool.run(square, 2) == 4, "a task runs after a preload that ended")
            }
            expect(false, "a preload that ends the fork server breaks no pool")
        } catch let error as PoolError {
            let isTold = error.message.contains("the fork server exited with code 4 while it ran")
            let isUnknown = error.message.contains("the fork server ended while it ran")
            // Nobody can know it if the system or the program itself has taken leave of the fork server before.
            let mayBeUnknown = habit == .ignoresDeaths || habit.reapsAll
            expect(error.code == .brokenPool && (isTold || mayBeUnknown && isUnknown), "a preload that ends: \(error)")
        } catch {
            expect(false, "a preload that ends: \(error)")
        }
    }

    private static func crash<Value>(_ future: Future<Value>) async -> PoolError {
        let result = await future.result
        guard case .failure(let error as PoolError) = result, error.code == .workerCrashed else {
            expect(false, "a crash gave \(result)")
            fatalError("unreachable")
        }
        return error
    }
}

private func square(_ number: Int) -> Int { number * number }

private func hasDefaultAction(_ signal: Int32) -> Bool {
    var action = sigaction()
    sigaction(signal, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 0
}

private func exitCodeOfShell(_ command: String) -> Int32 {
    var status: Int32 = -1
    let pid = startShell(command)
    return waitpid(pid, &status, 0) == pid && status & 0x7f == 0 ? status >> 8 : -1
}

/// More than a pipe holds.
private func writeMuch() {
    let line = String(repeating: "-", count: 999) + "\n"
    for _ in 0..<100 { _ = write(2, line, line.utf8.count) }
}

private func killForkServer() {
    kill(getppid(), SIGKILL)
    // The worker goes with it.
    sleep(1000)
}
