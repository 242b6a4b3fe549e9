import ConcurrentFutures
import Foundation
import Testing

/// Tasks that are slow, deaf or stubborn, for the tests of what stops them. Each returns the pid of its worker.
enum StoppingWork {
    /// Runs for so long, whatever is asked of it.
    static func spin(_ milliseconds: Int) -> Int32 {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while ContinuousClock.now < end {}
        return getpid()
    }

    /// Leaves a file that names this process.
    static func begin(_ path: String) throws {
        // Who sees the file is to see all of it.
        try Data("\(getpid())".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// Begins, and does not end; made for the fork server.
    static func beginOnly(_ began: String) throws {
        try begin(began)
        _ = spin(3_600_000)
    }

    /// Where SIGTERM leaves a file in this process. A signal handler can neither capture nor make it.
    @exclusivity(unchecked) nonisolated(unsafe) private static var terminationMark: UnsafeMutablePointer<CChar>?

    /// Has SIGTERM leave a file and end nothing.
    static func handleTermination(_ path: String) {
        terminationMark = strdup(path)
        signal(SIGTERM) { _ in
            if let path = StoppingWork.terminationMark { close(creat(path, 0o600)) }
        }
    }

    /// Says that it has begun, and can be ended by nothing but SIGKILL.
    static func ignoreAll(_ began: String) throws -> Int32 {
        signal(SIGTERM, SIG_IGN)
        try begin(began)
        return spin(60_000)
    }

    /// The same, and leaves the processor to those whose time is measured meanwhile.
    static func ignoreAllAsleep(_ began: String) throws -> Int32 {
        signal(SIGTERM, SIG_IGN)
        try begin(began)
        sleep(60)
        return getpid()
    }

    /// Says that it has begun, and never looks whether it is to stop.
    static func neverListen(_ began: String) throws -> Int32 {
        try begin(began)
        return spin(60_000)
    }

    /// A synchronous function that stops when it is asked to.
    static func listen(_ began: String, _ cleaned: String) throws -> Int32 {
        try Work.touch(began)
        while !Task.isCancelled { usleep(1000) }
        try Work.touch(cleaned)
        return getpid()
    }

    /// An asynchronous function that stops when it is asked to, and takes its time to clean up.
    static func listenLater(_ began: String, _ cleaned: String) async throws -> Int32 {
        try Work.touch(began)
        do {
            try await Task.sleep(for: .seconds(60))
        } catch {
            await Task { try? await Task.sleep(for: .milliseconds(50)) }.value
            try Work.touch(cleaned)
            throw error
        }
        return getpid()
    }

    static func passGate(_ gate: FileGate, _ name: String) throws -> Int32 {
        _ = try Work.passGate(gate, name)
        return getpid()
    }

    static func isCancelled(_ n: Int) -> Bool { Task.isCancelled }

    static func isCancelledLater(_ n: Int) async -> Bool { Task.isCancelled }

    /// Leaves a file for each time it is called, and crashes as long as there are fewer than `failures`.
    static func crashAtFirst(_ directory: String, _ name: String, _ failures: Int) throws -> Int {
        let count = try countCall(directory, name)
        if count <= failures { fatalError("attempt \(count)") }
        return count
    }

    static func throwAtFirst(_ directory: String, _ name: String, _ failures: Int) throws -> Int {
        let count = try countCall(directory, name)
        if count <= failures { throw Refusal(number: count) }
        return count
    }

    static func spinAtFirst(_ directory: String, _ name: String, _ failures: Int) throws -> Int {
        let count = try countCall(directory, name)
        if count <= failures { _ = spin(60_000) }
        return count
    }

    /// Ends only if it was called before; the bound is for a test that failed.
    static func neverEndAtFirst(_ directory: String) throws -> Int {
        let count = try countCall(directory, "call")
        let end = ContinuousClock.now + testBound
        while count == 1, .now < end { usleep(1000) }
        return count
    }

    static func spinIfThree(_ n: Int) -> Int {
        if n == 3 { _ = spin(60_000) }
        return n
    }

    static func listenIfThree(_ n: Int) -> Int {
        while n == 3, !Task.isCancelled { usleep(1000) }
        return Task.isCancelled ? -n : n
    }

    static func stopOwnProcess(_ began: String) throws -> Int32 {
        try begin(began)
        kill(getpid(), SIGSTOP)
        // The signal may take effect a moment later.
        return spin(60_000)
    }

    static func countCall(_ directory: String, _ name: String) throws -> Int {
        let count = calls(directory, name) + 1
        try Work.touch("\(directory)/\(name)-\(count)")
        return count
    }

    /// How often a function that counts its calls was called.
    static func calls(_ directory: String, _ name: String) -> Int {
        var count = 0
        while FileManager.default.fileExists(atPath: "\(directory)/\(name)-\(count + 1)") { count += 1 }
        return count
    }
}

extension ProcessPoolOptions {
    static func grace(_ period: Duration) -> ProcessPoolOptions { ProcessPoolOptions(gracePeriod: period) }
}

extension TemporaryDirectory {
    /// The process in which a task has begun that left a file of this name.
    func pid(_ name: String) throws -> Int32 {
        try #require(Int32(String(contentsOfFile: file(name), encoding: .utf8)))
    }
}

func expectPoolError(_ code: PoolError.Code, _ body: () async throws -> some Any) async -> PoolError? {
    do {
        let value = try await body()
        Issue.record("\(code) was expected, but there is a value: \(value)")
    } catch let error as PoolError {
        #expect(error.code == code)
        return error
    } catch {
        Issue.record("\(code) was expected, but there is \(error)")
    }
    return nil
}

/// Stops a process, and returns when it stands still.
func stopProcess(_ pid: Int32) async throws {
    kill(pid, SIGSTOP)
    let stands = try await becomesTrue {
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        return stat.split(separator: ")").last?.hasPrefix(" T") == true
    }
    #expect(stands)
}
