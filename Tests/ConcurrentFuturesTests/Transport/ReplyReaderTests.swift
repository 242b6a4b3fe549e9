import PoolSimulation
import Testing

@testable import ConcurrentFutures

/// A ring in this process's own memory, as a worker would write it.
private struct Ring: ~Copyable {
    static let capacity = 256
    /// What stands where nothing was written.
    static let unwritten: UInt8 = 0xA5

    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * capacity, alignment: 8)
    private(set) var tail: UInt64 = 0

    init() { memory.initializeMemory(as: UInt8.self, repeating: Self.unwritten) }
    deinit { memory.deallocate() }

    var reader: ReplyReader { ReplyReader(ring: memory.baseAddress!, capacity: Self.capacity) }

    /// Writes a reply behind the tail, with a length of its own if it is to be a wrong one.
    mutating func append(_ header: ReplyHeader, payload: [UInt8] = []) {
        var bytes = withUnsafeBytes(of: header) { [UInt8]($0) } + payload
        bytes += [UInt8](repeating: 0, count: roundedUp(bytes.count, to: 8) - bytes.count)
        for (index, byte) in bytes.enumerated() {
            let place = (Int(tail) + index) % Self.capacity
            memory[place] = byte
            memory[place + Self.capacity] = byte
        }
        tail += UInt64(bytes.count)
    }

    mutating func change(at place: Int, to byte: UInt8) {
        memory[place] = byte
        memory[place + Self.capacity] = byte
    }
}

@Suite("Reading replies", .timeLimit(.minutes(5)))
struct ReplyReaderTests {
    @Test("replies come in order, also round the end of the ring")
    func order() throws {
        var ring = Ring()
        var reader = ring.reader
        ring.append(ReplyHeader(.ready))
        #expect(try reader.next(before: ring.tail)?.kind == .ready)
        for sequence in UInt64(0)..<100 {
            let payload = (0..<Int(sequence % 60)).map { UInt8($0) }
            ring.append(ReplyHeader(.outcome, sequence: sequence, payload: payload.count), payload: payload)
            let frame = try #require(try reader.next(before: ring.tail))
            #expect(frame.kind == .outcome && frame.sequence == sequence)
            guard case .inline(let bytes) = frame.content else {
                Issue.record("the payload is in the frame")
                continue
            }
            #expect([UInt8](bytes) == payload)
            #expect(try reader.next(before: ring.tail) == nil)
        }
    }

    private static func items(_ outcomes: [[UInt8]]) -> [UInt8] {
        outcomes.flatMap { outcome in withUnsafeBytes(of: UInt64(outcome.count)) { [UInt8]($0) } + outcome }
    }

    @Test("what was not published is read when its writer has ended, and no more than that")
    func unpublished() throws {
        var ring = Ring()
        var reader = ring.reader
        ring.append(ReplyHeader(.ready))
        _ = try reader.next(before: ring.tail)
        let start = ring.tail
        let payload = Self.items([[0, 1, 2], [0]])
        ring.append(ReplyHeader(.items, sequence: 3), payload: payload)
        #expect(try reader.unpublished(OpenItems(word: 0)) == nil)
        #expect(try reader.unpublished(OpenItems(position: start, bytes: 0)) == nil)
        // Of a frame that was published before.
        #expect(try reader.unpublished(OpenItems(position: start - 8, bytes: payload.count)) == nil)
        let frame = try #require(try reader.unpublished(OpenItems(position: start, bytes: payload.count)))
        #expect(frame.kind == .items && frame.sequence == 3)
        guard case .inline(let bytes) = frame.content else {
            Issue.record("the payload is in the frame")
            return
        }
        #expect([UInt8](bytes) == payload)
        #expect(throws: ChannelFailure.self) {
            try reader.unpublished(OpenItems(position: start, bytes: Ring.capacity))
        }
        ring.change(at: Int(start) + 4, to: ReplyHeader.Kind.outcome.rawValue)
        #expect(throws: ChannelFailure.self) { try reader.unpublished(OpenItems(position: start, bytes: 8)) }
    }

    @Test("outcomes of items are counted, and what is none is refused")
    func itemOutcomes() throws {
        let two = Self.items([[0, 1, 2], [1, 9]])
        let outcomes = try ItemOutcomes(.bytes(two))
        #expect(outcomes.count == 2 && outcomes.lastHasThrown)
        #expect(try !ItemOutcomes(.bytes(Self.items([[1], [0]]))).lastHasThrown)
        for defect in [[], Array(two.dropLast()), two + [0], Self.items([[0]]).map { _ in 0xFF }] {
            #expect(throws: ChannelFailure.self) { try ItemOutcomes(.bytes(defect)) }
        }
    }

    @Test("outcomes of items are counted that all are of one length, or look so")
    func outcomesOfOneLength() throws {
        for items: [[UInt8]] in [
            [[0, 1], [0, 2], [1, 3]], [[0, 1], [0, 2], [1, 2, 3]], [[0], [1]], [[]], [[], [], []], [[0, 1]],
            // As many bytes as three of the first.
            [[0, 1], [UInt8](repeating: 1, count: 12)],
        ] {
            let outcomes = try ItemOutcomes(.bytes(Self.items(items)))
            #expect(outcomes.count == items.count)
            #expect(outcomes.lastHasThrown == (items.last?.first == 1), "\(items)")
        }
        var lying = Self.items([[0, 1], [0, 2]])
        lying.replaceSubrange(10..<18, with: [UInt8](repeating: 0xFF, count: 8))
        #expect(throws: ChannelFailure.self) { try ItemOutcomes(.bytes(lying)) }
    }

    struct Defect: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout ReplyHeader) -> Void

        init(_ description: String, _ change: @escaping @Sendable (inout ReplyHeader) -> Void) {
            testDescription = description
            self.change = change
        }
    }

    static let defects = [
        Defect("no length") { $0.length = 0 },
        Defect("a length that is less than the header's") { $0.length = 16 },
        Defect("a length that is no multiple of eight") { $0.length -= 1 },
        Defect("a length beyond the tail") { $0.length += 8 },
        Defect("the greatest length") { $0.length = .max },
        Defect("an unknown kind") { $0.kind = 0 },
        Defect("another unknown kind") { $0.kind = 9 },
        Defect("the kind of the first reply") { $0.kind = ReplyHeader.Kind.ready.rawValue },
        Defect("another kind of a first reply") { $0.kind = ReplyHeader.Kind.initializerFailed.rawValue },
        Defect("a payload beyond the frame") { $0.payloadLength = 41 },
        Defect("the greatest payload") { $0.payloadLength = .max },
        Defect("a payload that would wrap round") { $0.payloadLength = UInt64(bitPattern: -8) },
        Defect("a payload in an unknown place") { $0.files = 4 },
        Defect("files of what has none") {
            $0.kind = ReplyHeader.Kind.batchEnd.rawValue
            $0.files = ReplyHeader.Files.attached.rawValue
        },
        Defect("a small payload in a file") { $0.files = 1 },
        Defect("a payload in a file that no memory holds") {
            $0.files = 1
            $0.payloadLength = .max
        },
    ]

    @Test("a defect is refused", arguments: defects)
    func defect(_ defect: Defect) throws {
        var ring = Ring()
        var reader = ring.reader
        ring.append(ReplyHeader(.ready))
        var header = ReplyHeader(.outcome, payload: 40)
        defect.change(&header)
        ring.append(header, payload: [UInt8](repeating: 7, count: 40))
        #expect(try reader.next(before: ring.tail) != nil)
        #expect(throws: ChannelFailure.self) { try reader.next(before: ring.tail) }
    }

    @Test("a tail that makes no sense is refused", arguments: [1, 8, 16, 20, 23, 264, 1 << 40, .max, .max - 7])
    func tail(_ distance: UInt64) throws {
        var ring = Ring()
        var reader = ring.reader
        ring.append(ReplyHeader(.ready))
        #expect(try reader.next(before: ring.tail) != nil)
        #expect(throws: ChannelFailure.self) { try reader.next(before: ring.tail &+ distance) }
    }

    @Test("a worker that answers before it stands ready is refused")
    func notReady() {
        var ring = Ring()
        var reader = ring.reader
        ring.append(ReplyHeader(.outcome))
        #expect(throws: ChannelFailure.self) { try reader.next(before: ring.tail) }
    }

    @Test("replies of which some bytes were changed are read or refused")
    func mutations() async throws {
        var random = SeededGenerator(seed: 20_261_122)
        var read = 0
        var refused = 0
        for round in 0..<20_000 {
            // The threads that run tests are few.
            if round.isMultiple(of: 500) { await Task.yield() }
            var ring = Ring()
            ring.append(ReplyHeader(.ready))
            for sequence in UInt64(0)..<4 {
                let payload = [UInt8](repeating: 1, count: Int.random(in: 0...32, using: &random))
                ring.append(ReplyHeader(.item, sequence: sequence, payload: payload.count), payload: payload)
            }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<Int(ring.tail), using: &random)
                ring.change(at: place, to: .random(in: 0...9, using: &random))
            }
            var reader = ring.reader
            do throws(ChannelFailure) {
                while let frame = try reader.next(before: ring.tail) {
                    read += 1
                    guard case .inline(let bytes) = frame.content else { continue }
                    #expect(!bytes.contains(Ring.unwritten))
                }
            } catch {
                refused += 1
            }
        }
        #expect(read > 20_000 && refused > 5_000)
    }
}
