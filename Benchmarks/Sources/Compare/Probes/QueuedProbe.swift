import ConcurrentFutures
import Glibc

/// Tasks that wait in the host because all workers are at work.
enum QueuedProbe {
    struct NoPipe: Error {}

    @concurrent static func ours(tasks: Int) async throws -> Figures {
        let directory = try Directory()
        defer { directory.remove() }
        let pipe = directory.path + "/pipe"
        guard mkfifo(pipe, 0o600) == 0 else { throw NoPipe() }
        return try await withWarmPool { pool in
            let held = (0..<2).map { _ in pool.submit(hold, pipe) }
            while !held.allSatisfy(\.isRunning) { usleep(100) }
            // The list is the caller's, so it is there before, every page of it.
            var futures = [Future<Int>?](repeating: nil, count: tasks)
            let before = ProcessFacts.residentBytes()
            let tenth = tasks / 10
            var marks: [ContinuousClock.Instant] = []
            for n in 0..<tasks {
                if n.isMultiple(of: tenth) { marks.append(.now) }
                futures[n] = pool.submit(square, n)
            }
            marks.append(.now)
            let after = ProcessFacts.residentBytes()
            // It stays open until both have opened their end: one that came later would wait for another writer.
            let writer = open(pipe, O_WRONLY)
            for future in held { _ = try await future.value }
            close(writer)
            var sum = 0
            for future in futures { sum &+= try await future!.value }
            precondition(sum == sumOfSquares(tasks), "a task that was queued has not run")
            return [
                "queued": Double(after - before) / Double(tasks),
                "queued-submit": (marks[10] - marks[9]) / (marks[1] - marks[0]),
            ]
        }
    }

    private struct Directory {
        let path: String

        init() throws {
            var name = Array("/tmp/compare-XXXXXX".utf8CString)
            guard mkdtemp(&name) != nil else { throw NoPipe() }
            path = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        }

        func remove() {
            unlink(path + "/pipe")
            rmdir(path)
        }
    }
}
