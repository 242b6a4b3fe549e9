import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("A rehearsal", .timeLimit(.minutes(1)))
struct RehearsalTests {
    @Test("leaves no thread and no descriptor behind")
    func leavesNothing() throws {
        func rings() throws -> Int {
            let directory = "/proc/self/fd"
            let targets = try FileManager.default.contentsOfDirectory(atPath: directory)
                .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)") }
            return targets.count { $0.contains("cf-requests") || $0.contains("cf-replies") }
        }
        // Pools of other tests may come and go meanwhile; this is many more than they have.
        let before = try rings()
        for _ in 0..<500 { try Rehearsal.perform() }
        #expect(try rings() < before + 200)
        #expect(threadNames("cf-task").isEmpty)
    }
}
