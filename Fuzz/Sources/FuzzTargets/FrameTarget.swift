@testable import ConcurrentFutures

/// The reader of replies: a few places to which the tail comes one after the other, as numbers, then what stands in the ring.
struct FrameTarget: FuzzTarget {
    let name = "frames"
    let mostBytesPerByte = 16

    private static let tailCount = 4
    private static let headerSize = 8 * tailCount

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        ReplyRing.isRead(input, behind: Self.headerSize) { reader, capacity throws(ChannelFailure) in
            for index in 0..<Self.tailCount {
                let tail = input.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                try ReplyRing.takeAll(before: tail, &reader, capacity: capacity)
            }
        }
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard input.count > Self.headerSize else { return mutator.changeBytes(of: input) }
        var frames = ReplyRing.frames(input[Self.headerSize...])
        mutator.changeList(of: &frames) { ReplyRing.change(frame: $0, &$1) }
        let ring = frames.flatMap { $0 }
        return mutator.roll(1...3) == 1
            ? Array(input[..<Self.headerSize]) + ring : Self.input(frames: frames, ring: ring, &mutator)
    }

    /// Mostly tails that stand where frames end, so that the frames are read.
    private static func input(frames: [[UInt8]], ring: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        var ends = [UInt64(ring.count)]
        var end = 0
        for frame in frames {
            end += frame.count
            ends.append(UInt64(end))
        }
        var tails = (0..<tailCount).map { _ in mutator.one(of: ends) }.sorted()
        if mutator.roll(1...4) == 1 { tails[mutator.roll(0...tailCount - 1)] = mutator.number() }
        if mutator.roll(1...4) == 1 { tails[tailCount - 1] &+= mutator.one(of: ends) }
        return tails.flatMap { ReplyRing.words($0) } + ring
    }

    var seeds: [[UInt8]] {
        func frame(
            _ kind: ReplyHeader.Kind,
            _ sequence: UInt64,
            _ payload: [UInt8] = [],
            file: Int? = nil,
            _ files: ReplyHeader.Files = .payload
        ) -> [UInt8] {
            ReplyRing.frame(kind, sequence, payload, file: file, files)
        }
        let ready = frame(.ready, 0)
        let duration = [UInt8](repeating: 3, count: 8)
        let runs = ReplyRing.words(16, 50_000, 50_000, 99_000)
        let items = ReplyRing.items([[0, Tag.true], [2], [0, Tag.false]])
        let rings: [[[UInt8]]] = [
            [ready, frame(.outcome, 0, [0, 0x13, 1, 2, 3, 4, 5, 6, 7, 8]), frame(.outcome, 1, [2])],
            [ready, frame(.item, 0, [0, Tag.true]), frame(.item, 0, [0, Tag.false]), frame(.batchEnd, 0, duration)],
            [
                ready, frame(.items, 0, items), frame(.item, 0, [2]), frame(.items, 0, items),
                frame(.batchEnd, 0, duration),
            ],
            [ready, frame(.items, 0, items), frame(.stoppedItem, 0, [2])],
            [ready, frame(.revoked, 0), frame(.outcome, 1, [UInt8](repeating: 5, count: 400))],
            [ready, frame(.outcome, 0, file: 100_000), frame(.outcome, 1, [UInt8](0..<100))],
            [ready, frame(.outcome, 0, runs, file: 100_000, [.payload, .lent]), frame(.item, 1, file: 100_000, .all)],
            [ready] + (0..<20).map { frame(.outcome, $0, [UInt8](repeating: 1, count: Int($0))) },
            [frame(.initializerFailed, 0, InitializerTarget().seeds[0])],
        ]
        let kinds = Set(rings.joined().map { $0[4] })
        precondition(
            kinds == Set(ReplyHeader.Kind.allCases.map(\.rawValue)),
            "there is a kind of which no seed has a frame"
        )
        return rings.map { frames in
            let ring = frames.flatMap { $0 }
            let end = UInt64(ring.count)
            return ReplyRing.words(UInt64(frames[0].count), end, end, end) + ring
        }
    }
}
