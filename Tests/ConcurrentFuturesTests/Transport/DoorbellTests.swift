import Glibc
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite("A doorbell", .timeLimit(.minutes(5)))
struct DoorbellTests {
    private final class Count: Sendable {
        let value = Atomic<Int>(0)
    }

    @Test("that the other process has made one that waits holds nobody up")
    func neverWaits() async throws {
        let bell = try Doorbell()
        #expect(fcntl(bell.descriptor.number, F_SETFL, 0) == 0)
        let silenced = Count()
        try SystemThread.start(name: "silencer") {
            for _ in 0..<3 {
                bell.silence()
                silenced.value.add(1, ordering: .relaxed)
                bell.ring()
                bell.silence()
            }
        }
        #expect(await becomesTrue { silenced.value.load(ordering: .relaxed) == 3 })
    }
}
