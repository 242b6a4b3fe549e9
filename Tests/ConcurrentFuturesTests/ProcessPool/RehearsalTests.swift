import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("A rehearsal", .fewAtOnce, .timeLimit(.minutes(1)))
struct RehearsalTests {
    struct Traces: Codable, Sendable, Equatable {
        var descriptors: [String]
        var threadCount: Int
        var mappingCount: Int
    }

    private static func traces() throws -> Traces {
        Traces(
            descriptors: try ProcessWork.openDescriptors(),
            threadCount: try CurrentProcess.threadCount(),
            mappingCount: readTextFile("/proc/self/maps")!.count { $0 == "\n" }
        )
    }

    /// What this process has after its first rehearsals, and after many more.
    private static func rehearse(_ count: Int) throws -> [Traces] {
        for _ in 0..<3 { try Rehearsal.perform() }
        let first = try traces()
        for _ in 0..<count { try Rehearsal.perform() }
        // A thread that was joined may still be listed for a moment.
        var last = try traces()
        for _ in 0..<1000 where last.threadCount > first.threadCount {
            usleep(1000)
            last = try traces()
        }
        return [first, last]
    }

    // A process of its own, in which nothing else happens.
    @Test("leaves no thread, descriptor or mapping behind, and can be done again")
    func leavesNothing() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let traces = try await pool.run(Self.rehearse, 200)
            #expect(traces[1].descriptors == traces[0].descriptors)
            #expect(traces[1].threadCount == traces[0].threadCount)
            #expect(traces[1].mappingCount <= traces[0].mappingCount + 3)
        }
    }
}
