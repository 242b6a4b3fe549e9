import Glibc
import Testing

@testable import ConcurrentFutures

@Suite("What is urgent", .fewAtOnce, .timeLimit(.minutes(2)))
struct UrgencyTests {
    private let deep = 2 * Urgency.many

    @Test("is what is submitted until many came in a row, and again once somebody has waited")
    func row() {
        var urgency = Urgency()
        for _ in 1..<Urgency.many { urgency.noteTask() }
        urgency.noteWaits(0)
        #expect(urgency.isUrgent(backlog: 0, depth: deep))
        urgency.noteTask()
        #expect(!urgency.isUrgent(backlog: 0, depth: deep))
        urgency.noteWaits(1)
        #expect(urgency.isUrgent(backlog: 0, depth: deep))
        for _ in 0..<Urgency.many { urgency.noteTask() }
        urgency.noteWaits(1)
        #expect(!urgency.isUrgent(backlog: 0, depth: deep))
    }

    @Test("is nothing with many in the backlog, whoever waits")
    func backlog() {
        var urgency = Urgency()
        urgency.noteTask()
        urgency.noteWaits(1)
        #expect(urgency.isUrgent(backlog: Urgency.many - 1, depth: deep))
        #expect(!urgency.isUrgent(backlog: Urgency.many, depth: deep))
    }

    @Test("is everything for a worker whose tasks are not tiny")
    func depth() {
        var urgency = Urgency()
        for _ in 0..<Urgency.many { urgency.noteTask() }
        #expect(urgency.isUrgent(backlog: Urgency.many, depth: Urgency.many - 1))
        #expect(!urgency.isUrgent(backlog: Urgency.many, depth: Urgency.many))
    }

    @Test("is what comes to a pool after a wait of whichever kind, not what comes after many without one")
    func waits() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            func isUrgent() -> Bool {
                pool.driver.withCore { core, _ in core.urgency.isUrgent(backlog: 0, depth: .max) }
            }
            func submitMany() async {
                let many = (0..<2 * Urgency.many).map { pool.submit(Self.sleep, 0 * $0) }
                #expect(await becomesTrue { many.allSatisfy(\.isDone) })
                #expect(!isUrgent())
            }
            // Each takes so long that it is still under way when it is waited for.
            await submitMany()
            _ = try await pool.submit(Self.sleep, 500).value
            #expect(isUrgent(), "after value")
            await submitMany()
            for await _ in asCompleted([pool.submit(Self.sleep, 500)]) {}
            #expect(isUrgent(), "after asCompleted")
            await submitMany()
            await withCheckedContinuation { continuation in
                pool.submit(Self.sleep, 500).onCompletion { _ in continuation.resume() }
            }
            #expect(isUrgent(), "after a callback")
        }
    }

    private static func sleep(milliseconds: Int) -> Int {
        if milliseconds > 0 { usleep(UInt32(milliseconds) * 1000) }
        return milliseconds
    }
}
