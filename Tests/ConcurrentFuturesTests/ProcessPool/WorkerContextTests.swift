import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("The context of a task", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct WorkerContextTests {
    private struct Seen: Codable, Sendable {
        var index: Int?
        var attempt: Int?
        var secondsLeft: Double?

        init() {
            let context = WorkerContext.current
            index = context?.workerIndex
            attempt = context?.attempt
            secondsLeft = context?.deadline.map { ($0 - .now) / .seconds(1) }
        }
    }

    @Test("tells each worker its own index", arguments: StartMethod.allCases)
    func indices(method: StartMethod) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 3, startMethod: method) { pool async throws in
            let futures = (0..<3).map { n in
                pool.submit(
                    { (gate: FileGate, name: String) throws -> Seen in
                        _ = try Work.passGate(gate, name)
                        return Seen()
                    },
                    gate,
                    "\(n)"
                )
            }
            #expect(try await becomesTrue { try gate.begunCount == 3 })
            try gate.release()
            var indices: Set<Int?> = []
            for future in futures {
                let seen = try await future.value
                indices.insert(seen.index)
                #expect(seen.attempt == 1 && seen.secondsLeft == nil)
            }
            #expect(indices == [0, 1, 2])
        }
    }

    @Test("gives the index of a worker that died to the one that takes its place")
    func takenOver() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            for _ in 0..<3 {
                #expect(try await pool.run { Seen() }.index == 0)
                #expect(await pool.submit(ProcessWork.die, .kill).result.error != nil)
            }
        }
    }

    @Test("is there in an initializer too")
    func initializer() async throws {
        let initializer = StartupCall.call { () throws in
            guard WorkerContext.current?.workerIndex == 0 else { throw Refusal(number: 0) }
        }
        try await withProcessPool(maxWorkers: 1, initializer: initializer) { pool async throws in
            #expect(try await pool.run(Work.answer) == 42)
        }
    }

    @Test("tells the earlier of timeout and deadline", arguments: StartMethod.allCases)
    func deadline(method: StartMethod) async throws {
        try await withProcessPool(maxWorkers: 1, startMethod: method) { pool async throws in
            let limits: [(timeout: Duration?, deadline: Duration?, most: Double?)] = [
                (.seconds(1000), nil, 1000), (nil, .seconds(2000), 2000), (nil, nil, nil),
                (.seconds(1000), .seconds(2000), 1000), (.seconds(2000), .seconds(1000), 1000),
            ]
            for (timeout, deadline, most) in limits {
                let left = try await pool.run({ Seen() }, timeout: timeout, deadline: deadline).secondsLeft
                guard let most else {
                    #expect(left == nil)
                    continue
                }
                #expect(((most - 500)...most).contains(try #require(left)))
            }
            // Each item of a map has its own.
            for try await left in pool.map(0..<20, timeout: .seconds(1000), { (_: Int) in Seen().secondsLeft }) {
                #expect((500...1000).contains(try #require(left)))
            }
        }
    }

    @Test("tells which attempt it is")
    func attempt() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let attempt = try await pool.run(
                { () -> Int in
                    let attempt = WorkerContext.current?.attempt ?? 0
                    if attempt < 3 { exit(1) }
                    return attempt
                },
                retry: RetryPolicy(maxAttempts: 5)
            )
            #expect(attempt == 3)
            #expect(try await pool.run { Seen() }.attempt == 1)
            // An item that kills its worker is tried again; those behind it begin anew.
            let attempts = try await pool.map(0..<10, chunkSize: 5, retry: RetryPolicy(maxAttempts: 2)) {
                (n: Int) -> Int in
                let attempt = WorkerContext.current?.attempt ?? 0
                if n == 2, attempt == 1 { exit(1) }
                return attempt
            }.collect()
            #expect(attempts == [1, 1, 2, 1, 1, 1, 1, 1, 1, 1])
        }
    }

    @Test("does not exist outside of a worker process", arguments: [ExecutorKind.inline, .thread])
    func none(kind: ExecutorKind) async throws {
        #expect(WorkerContext.current == nil)
        try await kind.with { pool async throws in
            #expect(try await pool.run { Seen() }.index == nil)
        }
    }
}
