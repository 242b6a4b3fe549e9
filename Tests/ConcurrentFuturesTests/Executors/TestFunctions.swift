import ConcurrentFutures
import Foundation

// Functions that capture nothing, so that every executor takes them. What they show they show by return values and by files,
// because a task may run in another process.

struct Refusal: Error, Codable, Equatable {
    var number: Int
}

enum Work {
    static func square(_ n: Int) -> Int { n * n }

    static func squareLater(_ n: Int) async -> Int {
        await Task.yield()
        return n * n
    }

    static func squareUnlessSeven(_ n: Int) throws -> Int {
        if n == 7 { throw Refusal(number: n) }
        return n * n
    }

    static func answer() -> Int { 42 }

    static func sum(_ a: Int, _ b: Double, _ c: String) -> String { "\(a) \(b) \(c)" }

    static func sumLater(_ a: Int, _ b: Double, _ c: String) async throws -> String { "\(a) \(b) \(c)" }

    /// Leaves a file behind, in a directory that exists.
    static func touch(_ path: String) throws {
        try Data().write(to: URL(fileURLWithPath: path))
    }

    static func touchLater(_ path: String) async throws {
        await Task.yield()
        try touch(path)
    }

    static func timeOut(_ n: Int) throws -> Int {
        throw PoolError(.timedOut, "thrown by the function for \(n)")
    }

    /// Blocks until a file is there. The bound is for a test that failed.
    static func waitForFile(_ path: String) throws {
        let deadline = ContinuousClock.now + testBound
        while !FileManager.default.fileExists(atPath: path) {
            guard .now < deadline else { throw PoolError(.timedOut, "nobody made \(path)") }
            Thread.sleep(forTimeInterval: 0.001)
        }
    }

    /// Says that it has begun, and blocks until it may end.
    static func passGate(_ gate: FileGate, _ name: String) throws -> String {
        try touch(gate.begun(name))
        try waitForFile(gate.open)
        return name
    }

    /// Stays at work until a crew has been complete, and long enough for others to join; tells how many it has seen at work at once.
    static func countAtWork(_ crew: Crew, _ number: Int) throws -> Int {
        let start = ContinuousClock.now
        try Work.touch(crew.file(number))
        defer { try? FileManager.default.removeItem(atPath: crew.file(number)) }
        var most = 0
        while !crew.mayEnd(since: start) {
            Thread.sleep(forTimeInterval: 0.001)
            most = max(most, try crew.count())
        }
        return most
    }

    static func countAtWorkLater(_ crew: Crew, _ number: Int) async throws -> Int {
        let start = ContinuousClock.now
        try Work.touch(crew.file(number))
        defer { try? FileManager.default.removeItem(atPath: crew.file(number)) }
        var most = 0
        while !crew.mayEnd(since: start) {
            try await Task.sleep(for: .milliseconds(1))
            most = max(most, try crew.count())
        }
        return most
    }
}

/// Tasks that are at work at the same time, each with a file.
struct Crew: Codable, Sendable {
    let directory: String
    /// How many make it complete.
    let size: Int

    func file(_ number: Int) -> String { "\(directory)/member-\(number)" }
    private var completed: String { directory + "/completed" }

    /// How many are at work; notes if they are enough.
    func count() throws -> Int {
        let files = try FileManager.default.contentsOfDirectory(atPath: directory)
        let count = files.count { $0.hasPrefix("member-") }
        if count >= size { try Work.touch(completed) }
        return count
    }

    func mayEnd(since start: ContinuousClock.Instant) -> Bool {
        let time = ContinuousClock.now - start
        return FileManager.default.fileExists(atPath: completed) ? time >= .milliseconds(5) : time >= testBound
    }
}

/// Blocks a task until a test lets it go on, whichever process it runs in.
struct FileGate: Codable, Sendable {
    let directory: String

    init(in directory: TemporaryDirectory) {
        self.directory = directory.path
    }

    var open: String { directory + "/open" }
    func begun(_ name: String) -> String { directory + "/begun-" + name }

    /// Lets all go on that pass or will pass it.
    func release() throws { try Work.touch(open) }

    func hasBegun(_ name: String) -> Bool { FileManager.default.fileExists(atPath: begun(name)) }

    var begunCount: Int {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: directory).count { $0.hasPrefix("begun-") }
        }
    }
}

/// A directory that goes with its last reference.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/concurrent-futures-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }
}

/// Waits for something to become true, and says whether it did.
func becomesTrue(within limit: Duration = testBound, _ condition: () throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard .now < deadline else { return false }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return true
}

/// The names of this process's threads that begin so, without those that have ended: the system lists these for a moment also after they were joined.
func threadNames(_ prefix: String) -> [String] {
    let isExiting: UInt64 = 0x4  // PF_EXITING
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return tasks.compactMap { task -> String? in
        // The number, the name in parentheses, and behind it the state, five numbers and the flags.
        guard let line = try? String(contentsOfFile: "/proc/self/task/\(task)/stat", encoding: .utf8),
            let start = line.firstIndex(of: "("), let end = line.lastIndex(of: ")")
        else { return nil }
        let fields = line[end...].split(separator: " ").dropFirst()
        guard let flags = fields.dropFirst(6).first.flatMap({ UInt64($0) }), flags & isExiting == 0 else { return nil }
        return String(line[line.index(after: start)..<end])
    }.filter { $0.hasPrefix(prefix) }
}
