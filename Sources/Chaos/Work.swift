import ConcurrentFutures
import Glibc

// What the tasks do in the workers.

/// Who a task is, and where it says that it has begun.
struct Note: Codable, Sendable {
    let id: UInt64
    let log: String

    func begin() {
        BeginLog.append(id: id, attempt: WorkerContext.current?.attempt ?? 0, to: log)
    }
}

struct Refusal: Error, Codable, Equatable {
    let number: UInt64
}

/// The ways in which a task ends its worker.
enum Crash: Int, Codable, CaseIterable, Sendable {
    case trap, exit, segmentationFault

    static let exitCode: Int32 = 42

    func happen(_ note: Note) -> Never {
        switch self {
        case .trap: fatalError(Work.lastWords(note.id))
        case .exit: Glibc.exit(Self.exitCode)
        case .segmentationFault: raise(SIGSEGV)
        }
        fatalError("a fatal signal was survived")
    }
}

struct Item: Codable, Sendable {
    enum Fate: Codable, Sendable {
        case value, refusal, crash
    }

    let note: Note
    let fate: Fate
}

enum Work {
    static func lastWords(_ id: UInt64) -> String { "task \(id) was to trap" }

    static func square(_ note: Note, _ number: UInt64) -> UInt64 {
        note.begin()
        return number &* number
    }

    static func echo(_ note: Note, _ bytes: [UInt8]) -> [UInt8] {
        note.begin()
        return bytes
    }

    static func nap(_ note: Note, _ milliseconds: UInt32) -> UInt64 {
        note.begin()
        usleep(milliseconds * 1000)
        return note.id
    }

    /// Stops when it is asked to.
    static func listen(_ note: Note, _ milliseconds: UInt32) async throws -> UInt64 {
        note.begin()
        try await Task.sleep(for: .milliseconds(milliseconds))
        return note.id
    }

    static func refuse(_ note: Note) throws -> UInt64 {
        note.begin()
        throw Refusal(number: note.id)
    }

    static func crash(_ note: Note, _ crash: Crash) -> UInt64 {
        note.begin()
        crash.happen(note)
    }

    static func spin(_ note: Note) -> UInt64 {
        note.begin()
        while true { sched_yield() }
    }

    /// Takes more memory than it may, and keeps it.
    static func hog(_ note: Note) -> UInt64 {
        note.begin()
        var blocks: [[UInt8]] = []
        while true {
            if blocks.count < 1024 { blocks.append([UInt8](repeating: 1, count: 1 << 20)) }
            usleep(100)
        }
    }

    /// Fails until an attempt with this number.
    static func persist(_ note: Note, _ firstGood: Int, _ crash: Crash?) throws -> Int {
        note.begin()
        guard let attempt = WorkerContext.current?.attempt else { return -1 }
        guard attempt < firstGood else { return attempt }
        guard let crash else { throw Refusal(number: note.id) }
        crash.happen(note)
    }

    static func handle(_ item: Item) throws -> UInt64 {
        item.note.begin()
        switch item.fate {
        case .value: return item.note.id
        case .refusal: throw Refusal(number: item.note.id)
        case .crash: Crash.exit.happen(item.note)
        }
    }

    /// Starts processes that would live for minutes, one in its own session, and leaves them.
    static func leaveOffspring(_ note: Note) -> UInt64 {
        note.begin()
        // They say whose they are, for when the fork server that would have ended them is killed itself.
        setenv(Mark.keeperVariable, "\(getppid())", 1)
        let script = "setsid sleep 300 & sleep 300 & exec sleep 300"
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        return posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0 ? note.id : 0
    }

    /// Has this process refused all memory from now on, whoever's task it runs then.
    static func squeeze(_ note: Note) -> Int32 {
        note.begin()
        let resource = __rlimit_resource_t(RLIMIT_DATA.rawValue)
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_cur = 0
        setrlimit(resource, &limit)
        return getpid()
    }
}
