import Testing

@testable import ConcurrentFutures

/// Submits another call while it is encoded itself, and may refuse to be encoded after that.
private struct Nested: Codable, Sendable {
    var depth: Int
    var isRefused = false
    /// What the calls within have brought.
    var sum = 0

    init(depth: Int, isRefused: Bool = false) {
        self.depth = depth
        self.isRefused = isRefused
    }

    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        depth = try container.decode(Int.self)
        sum = try container.decode(Int.self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(depth)
        var sum = depth
        if depth > 0 {
            let inner = InlineExecutor().submit(total, Nested(depth: depth - 1, isRefused: isRefused))
            sum += try inner.get()
        }
        if isRefused, depth == 0 { throw NotEncodable() }
        try container.encode(sum)
    }
}

private struct NotEncodable: Error {}

private func total(_ nested: Nested) -> Int { nested.sum }

@Suite("Encoders that are used again")
struct EncoderCacheTests {
    @Test("a call that is encoded while another one is has an encoder of its own, however many there are")
    func nested() throws {
        for _ in 0..<3 {
            let sum = try InlineExecutor().submit(total, Nested(depth: 20)).get()
            #expect(sum == (0...20).reduce(0, +))
        }
    }

    @Test("an encoder that was given back with a part of the arguments in it is empty the next time")
    func refused() throws {
        for depth in 0..<20 {
            // The first argument stands there when the second one is refused.
            let future = InlineExecutor().submit({ $0 + total($1) }, 7, Nested(depth: depth, isRefused: true))
            #expect(throws: PoolError.self) { try future.get() }
            let sum = try InlineExecutor().submit({ $0 + total($1) }, 7, Nested(depth: depth)).get()
            #expect(sum == 7 + (0...depth).reduce(0, +))
        }
    }

    @Test("each that is lent is empty, and stays its borrower's while others are lent")
    func apart() throws {
        func use(_ depth: Int) throws {
            try EncoderCache.withEncoder { encoder in
                #expect(encoder.count == 0 && encoder.session.attachments == nil)
                encoder.allowAttachments()
                encoder.append(UInt64(depth))
                if depth > 0 { try use(depth - 1) }
                #expect(encoder.count == 8)
            }
        }
        for _ in 0..<2 { try use(20) }
    }
}
