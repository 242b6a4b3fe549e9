@testable import ConcurrentFutures

/// What a worker had not published when it ended: its tail, how far it had come behind it, then what stands in the ring.
struct UnpublishedTarget: FuzzTarget {
    let name = "unpublished"
    let mostBytesPerByte = 16

    private static let headerSize = 16

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        ReplyRing.isRead(input, behind: Self.headerSize) { reader, capacity throws(ChannelFailure) in
            let tail = input.loadUnaligned(as: UInt64.self)
            let open = OpenItems(word: input.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            try ReplyRing.takeAll(before: tail, &reader, capacity: capacity)
            guard let frame = try reader.unpublished(open) else { return }
            guard frame.kind == .items, !frame.isAttached, case .inline(let bytes) = frame.content else {
                preconditionFailure("what is not published is outcomes of items, and in the ring")
            }
            precondition(bytes.count == open.bytes && bytes.count <= OpenItems.capacity)
            try ReplyRing.take(frame, capacity: capacity)
            precondition(reader.head == tail)
        }
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard input.count > Self.headerSize else { return mutator.changeBytes(of: input) }
        var frames = ReplyRing.frames(input[Self.headerSize...])
        if mutator.roll(1...3) > 1 { mutator.changeList(of: &frames) { ReplyRing.change(frame: $0, &$1) } }
        var header = Array(input[..<Self.headerSize])
        switch mutator.roll(1...6) {
        case 1: mutator.overwrite(&header, at: 0, with: mutator.number())
        case 2: mutator.overwrite(&header, at: 8, with: mutator.number())
        case 3: mutator.overwrite(&header, at: 8, with: UInt32(truncatingIfNeeded: mutator.number()))
        default: header = Self.header(frames, open: mutator.roll(0...max(0, frames.count - 1)), &mutator)
        }
        return header + frames.flatMap { $0 }
    }

    /// With all frames published before one, and so many bytes in that one as it says itself, or any others.
    private static func header(_ frames: [[UInt8]], open: Int, _ mutator: inout Mutator) -> [UInt8] {
        let tail = frames.prefix(open).reduce(0) { $0 + $1.count }
        var bytes = frames.isEmpty ? 0 : max(0, frames[open].count - ReplyHeader.size)
        if mutator.roll(1...3) == 1 { bytes = mutator.roll(0...OpenItems.capacity + 8) }
        return ReplyRing.words(UInt64(tail), OpenItems(position: UInt64(tail), bytes: bytes).word)
    }

    var seeds: [[UInt8]] {
        let ready = ReplyRing.frame(.ready, 0)
        let one = ReplyRing.items([[0, Tag.true]])
        let several = ReplyRing.items([[0, Tag.true], [2], [], [UInt8](repeating: 1, count: 300)])
        let published: [[UInt8]] = [ready, ReplyRing.frame(.outcome, 0, [2]), ReplyRing.frame(.items, 1, several)]
        return [(published.prefix(1), one), (published.prefix(2), several), (published.prefix(3), one)].map {
            before,
            items in
            let tail = UInt64(before.reduce(0) { $0 + $1.count })
            let header = ReplyRing.words(tail, OpenItems(position: tail, bytes: items.count).word)
            return header + before.joined() + ReplyRing.frame(.items, 1, items)
                + [UInt8](repeating: 0, count: ReplyRing.smallest)
        }
    }
}
