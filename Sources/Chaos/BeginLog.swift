import ConcurrentFutures
import Glibc

/// The file in which each attempt at a task says that it has begun: so no attempt can be made twice unseen.
struct BeginLog {
    struct Entry {
        let id: UInt64
        let attempt: UInt32
        /// Whether it is to be stopped after some time.
        let isLimited: Bool
        let pid: Int32
        /// The fork server that keeps the worker.
        let keeper: Int32
        /// In nanoseconds, on the clock of `monotonicTime()`.
        let time: UInt64
    }

    let path: String

    /// Creates an empty file.
    init() throws {
        var template = Array("/tmp/chaos-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw ChaosError("mkstemp: \(String(cString: strerror(errno)))") }
        close(descriptor)
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    /// In a worker. Ends it if it cannot: the run would prove nothing.
    static func append(id: UInt64, attempt: Int, to path: String) {
        let file = Glibc.open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        var entry = Entry(
            id: id,
            attempt: UInt32(attempt),
            isLimited: WorkerContext.current?.deadline != nil,
            pid: getpid(),
            keeper: getppid(),
            time: monotonicTime()
        )
        let size = MemoryLayout<Entry>.size
        guard file >= 0, write(file, &entry, size) == size else { _exit(113) }
        close(file)
    }

    func read() throws -> [Entry] {
        guard let file = fopen(path, "r") else { throw ChaosError("\(path) cannot be read") }
        defer { fclose(file) }
        var entries: [Entry] = []
        var entry = Entry(id: 0, attempt: 0, isLimited: false, pid: 0, keeper: 0, time: 0)
        while fread(&entry, MemoryLayout<Entry>.size, 1, file) == 1 { entries.append(entry) }
        return entries
    }

    func remove() {
        unlink(path)
    }
}

/// In nanoseconds; the same for all processes.
func monotonicTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

struct ChaosError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
