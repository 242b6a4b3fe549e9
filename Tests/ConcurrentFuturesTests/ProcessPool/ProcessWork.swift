import CSystemShims
import ConcurrentFutures
import Foundation

// Functions that the tests of the process pool run in workers.

enum ProcessWork {
    static let someThrow: Set = [0, 1, 905, 909, 910, 911, 912, 1822, 2501, 3998, 3999]
    static let oneDies = 2500

    @Sendable static func failAtSome(_ n: Int) throws -> Double {
        if n == oneDies { kill(getpid(), SIGKILL) }
        if someThrow.contains(n) { throw CancellationError() }
        return Double(n) / 2
    }

    static func pid(_ n: Int) -> Int32 { getpid() }

    static func sleepingPid(_ milliseconds: Int) -> Int32 {
        usleep(UInt32(milliseconds) * 1000)
        return getpid()
    }

    /// The ways in which a task can end its worker.
    enum Death: String, Codable, CaseIterable, Sendable {
        case exitZero, exitFortyTwo, trap, segmentationFault, kill, abort

        func happen() -> Never {
            switch self {
            case .exitZero: exit(0)
            case .exitFortyTwo: exit(42)
            case .trap: fatalError("this task was meant to trap")
            case .segmentationFault: raise(SIGSEGV)
            case .kill: raise(SIGKILL)
            case .abort: Foundation.abort()
            }
            exit(99)
        }

        var signal: Int32? {
            switch self {
            case .exitZero, .exitFortyTwo: nil
            case .trap: SIGILL
            case .segmentationFault: SIGSEGV
            case .kill: SIGKILL
            case .abort: SIGABRT
            }
        }

        var exitCode: Int32? {
            switch self {
            case .exitZero: 0
            case .exitFortyTwo: 42
            default: nil
            }
        }
    }

    static func die(_ death: Death) -> Int { death.happen() }

    static func dieIfSeven(_ n: Int) -> Int {
        if n == 7 { fatalError("seven") }
        return n * n
    }

    /// Adds a byte to the file of that number, in the directory that the environment names.
    static func markAndDieIfThirty(_ n: Int) throws -> Int {
        let path = String(cString: getenv("CF_TEST_MARKS")) + "/\(n)"
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0, write(file, "x", 1) == 1 else { throw POSIXError(.EIO) }
        close(file)
        if n == 30 { fatalError("thirty") }
        return n
    }

    static func markTextAndDieIfThirty(_ n: String) throws -> String {
        "\(try markAndDieIfThirty(Int(n)!))"
    }

    static func count(_ bytes: [UInt8]) -> Int { bytes.count }
    static func make(_ count: Int) -> [UInt8] { [UInt8](repeating: 7, count: count) }

    /// What this process has open besides the standard streams.
    static func openDescriptors() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { number in
            guard let number = Int32(number), number > 2 else { return nil }
            // The directory that is being read is open too.
            return try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
        }.filter { !$0.hasPrefix("/proc/") }
    }

    /// Whether a process has not ended; one that has and that nobody has reaped is not alive.
    static func isAlive(_ pid: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let state = status.split(separator: ")").last?.split(separator: " ").first
        else { return false }
        return state != "Z" && state != "X"
    }

    /// Starts a shell with a command that becomes a `sleep`, and returns its pid once it has.
    static func start(_ command: String) throws -> Int32 {
        var pid = pid_t()
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(command), nil]
        posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ)
        while try !String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8).hasPrefix("sleep") {}
        return pid
    }

    /// The children of a process with one thread.
    static func children(of pid: Int32) -> [Int32] {
        let list = try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
        return (list ?? "").split(separator: " ").compactMap { Int32($0) }
    }

    static func children() throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").flatMap { thread in
            // A thread that has just ended has none.
            let list = try? String(contentsOfFile: "/proc/self/task/\(thread)/children", encoding: .utf8)
            return (list ?? "").split(separator: " ").compactMap { Int32($0) }
        }
    }
}

/// A type whose coding fails where it is told to.
struct Fragile: Codable, Sendable, Equatable {
    enum Place: String, Codable { case nowhere, encode, decode }

    struct Broken: Error, CustomStringConvertible {
        var description: String { "this value is fragile" }
    }

    var place: Place

    init(_ place: Place) {
        self.place = place
    }

    init(from decoder: any Decoder) throws {
        place = try decoder.singleValueContainer().decode(Place.self)
        if place == .decode { throw Broken() }
    }

    func encode(to encoder: any Encoder) throws {
        if place == .encode { throw Broken() }
        var container = encoder.singleValueContainer()
        try container.encode(place)
    }

    static func take(_ value: Fragile) -> Int { 1 }
    static func give(_ place: Fragile.Place) -> Fragile { Fragile(place) }
}
