import Glibc
import Testing

@testable import ConcurrentFutures

@Suite("What is urgent")
struct UrgencyTests {
    @Test("is what is submitted until many came in a row, and again once a thread has begun to wait")
    func row() {
        var urgency = Urgency()
        for _ in 1..<Urgency.many { urgency.noteTask() }
        urgency.noteWaits(0)
        #expect(urgency.isUrgent(backlog: 0))
        urgency.noteTask()
        #expect(!urgency.isUrgent(backlog: 0))
        urgency.noteWaits(1)
        #expect(urgency.isUrgent(backlog: 0))
        for _ in 0..<Urgency.many { urgency.noteTask() }
        urgency.noteWaits(1)
        #expect(!urgency.isUrgent(backlog: 0))
    }

    @Test("is nothing behind which many wait for a worker, whoever waits")
    func backlog() {
        var urgency = Urgency()
        urgency.noteTask()
        urgency.noteWaits(1)
        #expect(urgency.isUrgent(backlog: Urgency.many - 1))
        #expect(!urgency.isUrgent(backlog: Urgency.many))
    }

    @Test("wakes a worker from a nap, and what is not leaves it; from its sleep either wakes it, once")
    func waking() throws {
        let (channel, end) = try RingChannel.make(bell: Doorbell())
        let file = try MemoryFile(
            received: end.control,
            required: .shrink,
            minimumSize: ChannelLayout.Control.headerSize + ChannelLayout.ringSize
        )
        let mapping = try MemoryMapping(
            ring: file,
            headerCount: ChannelLayout.Control.headerSize,
            ringCount: ChannelLayout.ringSize,
            writable: true
        )
        withExtendedLifetime(mapping) {
            let rest = ControlBlock(at: mapping.base).workerRest
            #expect(!channel.needsWaking(isUrgent: true))
            rest.note(WorkerRest.nap.rawValue)
            #expect(!channel.needsWaking(isUrgent: false))
            #expect(rest.load() == WorkerRest.nap.rawValue, "it naps on, and whoever comes next is to see it")
            #expect(channel.needsWaking(isUrgent: true))
            #expect(!channel.needsWaking(isUrgent: true))
            for isUrgent in [true, false] {
                rest.note(WorkerRest.sleep.rawValue)
                #expect(channel.needsWaking(isUrgent: isUrgent))
                #expect(!channel.needsWaking(isUrgent: isUrgent))
            }
        }
    }
}

@Suite("Tasks that nobody waits for", .fewAtOnce, .timeLimit(.minutes(5)))
struct UnhurriedTaskTests {
    private static func negate(_ number: Int) -> Int { -number }

    // Workers nap behind such tasks, and nobody wakes them.
    @Test("end all the same, whenever they come")
    func pauses() async throws {
        try await withProcessPool(maxWorkers: 2, minWorkers: 2) { pool async throws in
            let many = (0..<4 * Urgency.many).map { pool.submit(Self.negate, $0) }
            #expect(await becomesTrue { many.allSatisfy(\.isDone) })
            for round in 0..<400 {
                // From no pause to one that outlasts a nap and all looks behind it.
                usleep(UInt32(round % 100) * 3)
                let future = pool.submit(Self.negate, round)
                guard round.isMultiple(of: 10) else { continue }
                #expect(await becomesTrue { future.isDone })
                #expect(try await future.value == -round)
            }
        }
    }
}
