import CSystemShims
import ConcurrentFutures
import Foundation
import Synchronization

// Functions that the tests of a worker's beginning run in workers and fork servers.

enum StartupWork {
    private static let notes = Mutex<[String]>([])

    struct NotCodable: Error, CustomStringConvertible {
        var description: String { "not codable" }
    }

    /// Keeps a note for the tasks that come, and leaves a line in a file.
    static func note(_ text: String, _ log: String) throws -> Int {
        notes.withLock { $0.append(text) }
        try appendLine("\(getpid())", to: log)
        return 1
    }

    static func noteOnly(_ text: String, _ log: String) throws { _ = try note(text, log) }

    static func noteLater(_ text: String, _ log: String) async throws -> NotCodable {
        await Task.yield()
        _ = try note(text, log)
        return NotCodable()
    }

    static func noteOnlyLater(_ text: String, _ log: String) async throws { _ = try await noteLater(text, log) }

    /// What was noted in this process, and which one it is.
    static func notesAndPid(_ n: Int) -> [String] { notes.withLock { $0 } + ["\(getpid())"] }

    static func notesAtGate(_ gate: FileGate, _ name: String) throws -> [String] {
        _ = try Work.passGate(gate, name)
        return notesAndPid(0)
    }

    static func appendLine(_ line: String, to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw PoolError(.brokenPool, "\(path) cannot be opened") }
        defer { close(file) }
        let line = line + "\n"
        _ = write(file, line, line.utf8.count)
    }

    static func say(_ text: String) {
        let line = text + "\n"
        _ = write(2, line, line.utf8.count)
    }

    static func refuse(_ number: Int, _ log: String) throws {
        try appendLine("\(getpid())", to: log)
        say("the words before the refusal")
        throw Refusal(number: number)
    }

    static func refuseInOtherWords() async throws { throw NotCodable() }

    static func die(_ death: ProcessWork.Death, _ log: String) throws {
        try appendLine("\(getpid())", to: log)
        say("the words before the end")
        death.happen()
    }

    /// Succeeds in the first process that calls it.
    static func succeedOnce(_ directory: String) throws {
        guard mkdir(directory, 0o700) == 0 else { throw Refusal(number: 2) }
    }

    static func waitAtGate(_ gate: FileGate, _ name: String) throws { _ = try Work.passGate(gate, name) }

    /// Leaves a thread running for ever.
    static func leaveThread() throws {
        Thread.detachNewThread { while true { pause() } }
    }

    /// Leaves a child that has all that its parent has open, until it is killed.
    static func leaveChild(_ log: String) throws {
        let child = cf_fork()
        if child == 0 {
            alarm(300)
            while true { pause() }
        }
        try appendLine("\(child)", to: log)
    }

    static func bufferStandardOutputFully() {
        // Glibc's module shows a variable that anybody could change.
        let output = dlsym(nil, "stdout")!.load(as: UnsafeMutablePointer<FILE>.self)
        setvbuf(output, nil, _IOFBF, 1 << 16)
    }

    /// Has signals mean something else from now on.
    static func changeSignals() {
        signal(SIGCHLD, SIG_IGN)
        var all = sigset_t()
        sigfillset(&all)
        sigprocmask(SIG_BLOCK, &all, nil)
    }

    /// Starts threads, and waits for all of them.
    static func useThreads(_ text: String, _ log: String) throws {
        for _ in 0..<20 {
            var thread = pthread_t()
            pthread_create(&thread, nil, { _ in nil }, nil)
            pthread_join(thread, nil)
        }
        _ = try note(text, log)
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    static func directory() -> String { FileManager.default.currentDirectoryPath }
}

/// The lines of a file; none if there is no such file.
func lines(of path: String) -> [String] {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
}
