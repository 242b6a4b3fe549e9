import CSystemShims
import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

/// Counts, in the process where it is, how many of it are alive.
private final class Counted: Codable, Sendable {
    private static let count = Atomic(0)
    static var alive: Int { count.load(ordering: .relaxed) }

    init() {
        Self.count.add(1, ordering: .relaxed)
    }

    deinit {
        Self.count.subtract(1, ordering: .relaxed)
    }

    init(from decoder: any Decoder) throws {
        Self.count.add(1, ordering: .relaxed)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(true)
    }

    static func lookAt(_ counted: Counted) -> Int { alive }

    static func lookAtLater(_ counted: Counted) async -> Int {
        await Task.yield()
        return alive
    }

    static func refuse(_ counted: Counted) throws -> Int { throw Refusal(number: alive) }

    static func lookAround() -> Int { alive }
}

@Suite("Inside a worker", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct InsideWorkerTests {
    // P7
    @Test("a task's arguments are freed after it", arguments: StartMethod.allCases)
    func argumentsAreFreed(method: StartMethod) async throws {
        try await withProcessPool(maxWorkers: 1, startMethod: method) { pool async throws in
            #expect(try await pool.run(Counted.lookAt, Counted()) == 1)
            #expect(try await pool.run(Counted.lookAround) == 0)
            #expect(try await pool.run(Counted.lookAtLater, Counted()) == 1)
            #expect(try await pool.run(Counted.lookAround) == 0)
            await #expect(throws: Refusal(number: 1)) { try await pool.run(Counted.refuse, Counted()) }
            #expect(try await pool.run(Counted.lookAround) == 0)
            // Of a batch each item's before the next one's are there.
            let counts = try await pool.map((0..<10).map { _ in Counted() }, chunkSize: 10, Counted.lookAt).collect()
            #expect(counts == Array(repeating: 1, count: 10))
        }
    }

    // P7
    @Test("big arguments and a big result are given back to the system once the task has ended")
    func memoryIsGivenBack() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let size = 200_000_000
            let pid = try await pool.run(ProcessWork.pid, 0)
            let before = try residentBytes(of: pid)
            let bytes = ProcessWork.make(size)
            #expect(try await pool.run(ProcessWork.count, bytes) == size)
            #expect(try await pool.run(ProcessWork.make, size).count == size)
            // The worker is idle now, and no later task has made it tidy up.
            #expect(try await becomesTrue { try residentBytes(of: pid) < before + size / 4 })
            #expect(try await pool.run(ProcessWork.pid, 0) == pid)
        }
    }

    // P12
    @Test("a task may start processes and threads", arguments: StartMethod.allCases)
    func processesAndThreads(method: StartMethod) async throws {
        try await withProcessPool(maxWorkers: 1, startMethod: method) { pool async throws in
            let code = try await pool.run { () throws -> Int32 in
                var pid = pid_t()
                var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup("exit 7"), nil]
                guard posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, environ) == 0 else { return -1 }
                var status: Int32 = 0
                guard waitpid(pid, &status, 0) == pid else { return -2 }
                return (status >> 8) & 0xff
            }
            #expect(code == 7)
            let sum = try await pool.run { () throws -> Int in
                let numbers = Log<Int>()
                let done = DispatchSemaphore(value: 0)
                for n in 1...4 {
                    Thread {
                        numbers.append(n)
                        done.signal()
                    }.start()
                }
                for _ in 1...4 { done.wait() }
                return numbers.elements.reduce(0, +)
            }
            #expect(sum == 10)
            let tasks = try await pool.run { () async -> Int in
                await withTaskGroup(of: Int.self) { group in
                    for n in 1...100 { group.addTask { await Task.detached { n }.value } }
                    return await group.reduce(0, +)
                }
            }
            #expect(tasks == 5050)
        }
    }

    // P12
    @Test("a task may have a pool of its own", arguments: StartMethod.allCases)
    func pool(method: StartMethod) async throws {
        try await withProcessPool(maxWorkers: 1, startMethod: method) { pool async throws in
            let squares = try await pool.run { () async throws -> [Int] in
                try await withProcessPool(maxWorkers: 2) { inner async throws in
                    try await inner.map([1, 2, 3], Work.square).collect()
                }
            }
            #expect(squares == [1, 4, 9])
        }
    }
}

private func residentBytes(of pid: Int32) throws -> Int {
    let fields = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8).split(separator: " ")
    return try #require(Int(fields[1])) * Int(getpagesize())
}
