import Testing

@testable import ConcurrentFutures

/// A worker that has said what it is given to say.
private final class ScriptedChannel: WorkerChannel, @unchecked Sendable {
    var replies: [Reply] = []
    private(set) var isToRing = false

    init(_ kinds: ReplyHeader.Kind...) {
        replies = kinds.map { Self.reply($0) }
    }

    init(outcomes: Int) {
        replies = (0..<outcomes).map { _ in Self.reply(.outcome) }
    }

    private static func reply(_ kind: ReplyHeader.Kind) -> Reply {
        Reply(kind: kind, lateness: .none, sequence: 0, received: .success(.bytes([])))
    }

    func receive(atMost most: Int, _ body: (Reply) -> Void) throws(ChannelFailure) {
        for reply in replies.prefix(most) { body(reply) }
        replies.removeFirst(min(most, replies.count))
    }

    func receiveUnpublished(_ body: (Reply) -> Void) throws(ChannelFailure) {}

    func prepareToSleep() -> Bool {
        isToRing = true
        return replies.isEmpty
    }

    func wakeUp() { isToRing = false }

    func send(_ request: consuming OutgoingRequest) throws(SystemError) {}
    func sendStop() throws(SystemError) {}
    func revoke(at index: Int) -> Bool { false }
    func isStarted(at index: Int) -> Bool { false }
    func requestStop(at index: Int, item: UInt32?) {}
    func payload(at index: Int) -> RequestPayload { .bytes([]) }
    var inFlightCount: Int { 0 }
    var oldestSequence: UInt64? { nil }
    func finishOldest() {}
    func needsWaking(isUrgent: Bool) -> Bool { false }
    func wake() {}
    var stage: TaskStage { .idle }
    var startedAt: UInt64 { 0 }
    var processorTimeAtStart: UInt64 { 0 }
    var allocationFailed: Bool { false }
}

@Suite("Who takes replies")
struct ReceptionStateTests {
    private func link(_ id: WorkerID, _ channel: ScriptedChannel, isReady: Bool = true) throws -> WorkerLink {
        let link = WorkerLink(id: id, channel: channel, bell: try Doorbell(), standardError: nil)
        link.isReady = isReady
        return link
    }

    @Test("what a worker says at its start is left to the pool's thread")
    func starts() throws {
        var reception = Reception()
        let channel = ScriptedChannel(.ready)
        reception.add(try link(1, channel, isReady: false))
        let foundByOther = reception.collect(includingStarts: false)
        #expect(!foundByOther && channel.replies.count == 1)
        let foundByDriver = reception.collect(includingStarts: true)
        #expect(foundByDriver && channel.replies.isEmpty)
        #expect(reception.replies.count == 1)
    }

    @Test("one thread at a time looks, and who ends has workers ring, and is told if something is there")
    func looking() throws {
        var reception = Reception()
        let (idle, starting) = (ScriptedChannel(), ScriptedChannel())
        reception.add(try link(1, idle))
        reception.add(try link(2, starting, isReady: false))
        let (first, second) = (reception.beginLooking(), reception.beginLooking())
        #expect(first != nil && second == nil && reception.isLookedAt)
        let found = reception.collect(includingStarts: false)
        #expect(!found && !idle.isToRing)
        let isQuiet = reception.endLooking(inVain: true)
        #expect(isQuiet && idle.isToRing && starting.isToRing && !reception.isLookedAt)
        // Whoever looks next is not rung for.
        _ = reception.collect(includingStarts: false)
        #expect(!idle.isToRing && !starting.isToRing)
        starting.replies = ScriptedChannel(.ready).replies
        _ = reception.beginLooking()
        let isQuietNow = reception.endLooking(inVain: true)
        #expect(!isQuietNow)
    }

    @Test("a thread that looked in vain looks less often the next time, and one that did not more often")
    func patience() {
        var reception = Reception()
        var seen: [Int] = []
        for inVain in [true, true, true, true, false, false, false, false] {
            seen.append(reception.beginLooking() ?? 0)
            _ = reception.endLooking(inVain: inVain)
        }
        #expect(seen == [60, 30, 15, 8, 8, 16, 32, 60])
    }

    @Test("a thread of the program takes what one worker has sent, and begins with another the next time")
    func turns() throws {
        var reception = Reception()
        let channels = [ScriptedChannel(outcomes: 40), ScriptedChannel(outcomes: 5), ScriptedChannel(outcomes: 5)]
        for (index, channel) in channels.enumerated() { reception.add(try link(WorkerID(index), channel)) }
        _ = reception.collect(includingStarts: false)
        #expect(reception.replies.count == 40 && channels[1].replies.count == 5)
        reception.removeReplies()
        channels[0].replies = ScriptedChannel(outcomes: 40).replies
        _ = reception.collect(includingStarts: false)
        // The second and the third come first now.
        #expect(reception.replies.count == 50 && reception.batches.first?.link.id == 1)
        reception.removeReplies()
        for channel in channels { channel.replies = ScriptedChannel(outcomes: 40).replies }
        _ = reception.collect(includingStarts: true)
        #expect(reception.replies.count == 120)
    }

    @Test("a thread of the program takes a part of very many, and is told that there are more")
    func many() throws {
        var reception = Reception()
        let channel = ScriptedChannel(outcomes: Reception.mostRepliesOfOne + 10)
        reception.add(try link(1, channel))
        _ = reception.beginLooking()
        _ = reception.collect(includingStarts: false)
        #expect(reception.replies.count == Reception.mostRepliesOfOne && channel.replies.count == 10)
        let isQuiet = reception.endLooking(inVain: false)
        #expect(!isQuiet)
    }
}

@Suite("The functions that a worker knows")
struct FunctionTableTests {
    @Test("a look-up that failed is tried again, and one that did not is kept")
    func lookUps() throws {
        let function = ConcurrentFutures.MappedFunction<Int, Int> { $0 + 1 }
        let definition = try TaskFunctionName.of(function).definition
        var table = FunctionTable()
        #expect(try table.function(3) == nil)
        [1, 2, 3].withUnsafeBytes { table.define(3, $0) }
        #expect(throws: (any Error).self) { try table.function(3) }
        definition.withUnsafeBytes { table.define(3, $0) }
        let found = try #require(try table.function(3))
        [1, 2, 3].withUnsafeBytes { table.define(3, $0) }
        #expect(try table.function(3) === found)
        #expect(try table.function(2) == nil)
    }
}
