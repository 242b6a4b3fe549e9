import ConcurrentFutures
import Foundation

// Functions for tasks that have limits. They capture nothing, so that every executor takes them.

/// Counts calls by files, whichever process they run in; made for calls one after the other.
struct CallCounter: Codable, Sendable {
    let directory: String

    init(in directory: TemporaryDirectory) {
        self.directory = directory.path
    }

    /// The number of calls of one name.
    func count(_ name: String = "") -> Int {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.count { $0.hasPrefix("call-\(name)-") }
    }

    /// Forgets all calls.
    func reset() throws {
        for file in try FileManager.default.contentsOfDirectory(atPath: directory) where file.hasPrefix("call-") {
            try FileManager.default.removeItem(atPath: directory + "/" + file)
        }
    }

    /// Notes a call, and tells which it is.
    func add(_ name: String = "") throws -> Int {
        let number = count(name) + 1
        try Work.touch(directory + "/call-\(name)-\(number)")
        return number
    }
}

/// Tells by files whether a call has begun, and whether it was asked to stop.
struct StopMark: Codable, Sendable {
    let directory: String
    let name: String

    var begun: String { "\(directory)/begun-\(name)" }
    var asked: String { "\(directory)/asked-\(name)" }
    var hasBegun: Bool { FileManager.default.fileExists(atPath: begun) }
    var wasAsked: Bool { FileManager.default.fileExists(atPath: asked) }
}

extension TemporaryDirectory {
    func stop(_ name: String) -> StopMark { StopMark(directory: path, name: name) }
}

/// Limits of time in milliseconds, to be tried one after the other where only a busy machine is too late for the first.
let growingLimits = [500, 3_000, 20_000]

enum LimitedWork {
    /// Blocks for some milliseconds, whatever it is asked.
    static func block(_ milliseconds: Int) -> Int {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while .now < end { Thread.sleep(forTimeInterval: 0.001) }
        return milliseconds
    }

    /// Says that it has begun, waits to be asked to stop, and leaves a file only if it was. The bound is for a test that failed.
    static func waitForCancellation(_ stop: StopMark) async throws -> Int {
        try Work.touch(stop.begun)
        let end = ContinuousClock.now + testBound
        while !Task.isCancelled, .now < end { try? await Task.sleep(for: .milliseconds(1)) }
        if Task.isCancelled { try Work.touch(stop.asked) }
        return 1
    }

    /// Notes each call, and throws its number for the first few.
    static func refuse(_ counter: CallCounter, _ times: Int) throws -> Int {
        let number = try counter.add()
        if number <= times { throw Refusal(number: number) }
        return number
    }

    static func refuseLater(_ counter: CallCounter, _ times: Int) async throws -> Int {
        await Task.yield()
        return try refuse(counter, times)
    }

    /// Notes each call, and throws its number when it is let go on.
    static func refuseAtGate(_ counter: CallCounter, _ gate: FileGate) async throws -> Int {
        let number = try counter.add()
        let end = ContinuousClock.now + testBound
        while !FileManager.default.fileExists(atPath: gate.open), .now < end {
            try? await Task.sleep(for: .milliseconds(1))
        }
        throw Refusal(number: number)
    }

    /// Notes each call, and takes some milliseconds for the first few.
    static func dawdle(_ counter: CallCounter, _ times: Int, _ milliseconds: Int) throws -> Int {
        let number = try counter.add()
        return number <= times ? block(milliseconds) : number
    }

    /// Notes each call, takes some milliseconds for the first one, and throws after the others.
    static func dawdleThenTimeOut(_ counter: CallCounter, _ milliseconds: Int) throws -> Int {
        let number = try counter.add()
        return number == 1 ? block(milliseconds) : try Work.timeOut(number)
    }
}

/// An item of a map that is slow, or fails, for its first calls.
struct LimitedItem: Codable, Sendable {
    let name: String
    var slowCalls = 0
    var milliseconds = 0
    var failures = 0
    let counter: CallCounter

    var stop: StopMark { StopMark(directory: counter.directory, name: name) }

    func run() throws -> String {
        let call = try counter.add(name)
        if call <= slowCalls { _ = LimitedWork.block(milliseconds) }
        if call <= failures { throw Refusal(number: call) }
        return name
    }

    /// Says whether it was asked to stop before it began.
    func runLater() async throws -> String {
        let isCancelled = Task.isCancelled
        let call = try counter.add(name)
        if call <= slowCalls { _ = try await LimitedWork.waitForCancellation(stop) }
        return isCancelled ? "cancelled" : name
    }
}

/// Longer than any test.
let hour = Duration.seconds(3600)

/// Runs a call that fails once again, after an hour.
let hourly = RetryPolicy(maxAttempts: 2, backoff: .constant(hour), orIf: { _ in true })

/// Executors with some sizes of chunk.
func combinations(_ kinds: [ExecutorKind]) -> [(ExecutorKind, Int?)] {
    kinds.flatMap { kind in [1, 7, nil].map { (kind, $0) } }
}

/// The error of what has run out of time; `nil` of everything else.
func timedOut(_ result: Result<some Sendable, any Error>) -> PoolError? {
    guard case .failure(let error as PoolError) = result, error.code == .timedOut else { return nil }
    return error
}
