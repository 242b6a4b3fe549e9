@testable import ConcurrentFutures

/// The reader of replies: a few places to which the tail comes one after the other, as numbers, then what stands in the ring.
struct FrameTarget: FuzzTarget {
    let name = "frames"
    let mostBytesPerByte = 16

    private static let tailCount = 4
    private static let headerSize = 8 * tailCount
    private static let smallestRing = 64

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        guard input.count >= Self.headerSize + Self.smallestRing else { return false }
        let capacity = (input.count - Self.headerSize) / 8 * 8
        let ring = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * capacity, alignment: 8)
        defer { ring.deallocate() }
        let content = UnsafeRawBufferPointer(rebasing: input[Self.headerSize..<Self.headerSize + capacity])
        for place in [0, capacity] {
            UnsafeMutableRawBufferPointer(rebasing: ring[place..<place + capacity]).copyMemory(from: content)
        }
        var reader = ReplyReader(ring: ring.baseAddress!, capacity: capacity)
        do throws(ChannelFailure) {
            for index in 0..<Self.tailCount {
                let tail = input.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                while let frame = try reader.next(before: tail) {
                    switch frame.content {
                    case .inline(let bytes):
                        // As the channel does; it also shows that the bytes are there.
                        precondition([UInt8](bytes).count <= capacity)
                    case .file(let count):
                        precondition(count > ChannelLayout.largestInlinePayload)
                    case .lent(let count, let runs):
                        precondition(count > ChannelLayout.largestInlinePayload)
                        precondition(runs.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= count })
                        precondition(zip(runs, runs.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
                    }
                    precondition(reader.head <= tail)
                }
            }
            return true
        } catch {
            return false
        }
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard input.count > Self.headerSize else { return mutator.changeBytes(of: input) }
        var frames = Self.frames(input[Self.headerSize...])
        mutator.changeList(of: &frames) { frame, mutator in
            var frame = frame
            guard frame.count >= ReplyHeader.size else { return mutator.changeBytes(of: frame) }
            switch mutator.roll(1...6) {
            case 1: mutator.overwrite(&frame, at: 0, with: UInt32(truncatingIfNeeded: mutator.number()))
            case 2: frame[4] = UInt8(mutator.roll(0...6))
            case 3: frame[5] = UInt8(mutator.roll(0...7))
            case 4: mutator.overwrite(&frame, at: 8, with: mutator.number())
            case 5: mutator.overwrite(&frame, at: 16, with: mutator.number())
            default: return mutator.changeBytes(of: frame)
            }
            return frame
        }
        let ring = frames.flatMap { $0 }
        return mutator.roll(1...3) == 1
            ? Array(input[..<Self.headerSize]) + ring : Self.input(frames: frames, ring: ring, &mutator)
    }

    /// The frames of a ring, and as the last one what is none.
    private static func frames(_ ring: ArraySlice<UInt8>) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var rest = ring
        while rest.count >= ReplyHeader.size {
            let length = rest.withUnsafeBytes { Int($0.loadUnaligned(as: UInt32.self)) }
            guard length >= ReplyHeader.size, length <= rest.count else { break }
            frames.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        if !rest.isEmpty { frames.append(Array(rest)) }
        return frames
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
        return tails.flatMap { tail in withUnsafeBytes(of: tail) { [UInt8]($0) } } + ring
    }

    var seeds: [[UInt8]] {
        func frame(
            _ kind: ReplyHeader.Kind,
            _ sequence: UInt64,
            _ payload: [UInt8] = [],
            file: Int? = nil,
            _ files: ReplyHeader.Files = .payload
        ) -> [UInt8] {
            var header = ReplyHeader()
            header.length = UInt32(roundedUp(ReplyHeader.size + payload.count, to: 8))
            header.kind = kind.rawValue
            header.files = file == nil ? 0 : files.rawValue
            header.sequence = sequence
            header.payloadLength = UInt64(file ?? payload.count)
            let bytes = withUnsafeBytes(of: header) { [UInt8]($0) } + payload
            return bytes + [UInt8](repeating: 0, count: Int(header.length) - bytes.count)
        }
        let ready = frame(.ready, 0)
        let duration = [UInt8](repeating: 3, count: 8)
        let runs = [16, 50_000, 50_000, 99_000].flatMap { place in withUnsafeBytes(of: UInt64(place)) { [UInt8]($0) } }
        let rings: [[[UInt8]]] = [
            [ready, frame(.outcome, 0, [0, 0x13, 1, 2, 3, 4, 5, 6, 7, 8]), frame(.outcome, 1, [2])],
            [ready, frame(.item, 0, [0, Tag.true]), frame(.item, 0, [0, Tag.false]), frame(.batchEnd, 0, duration)],
            [ready, frame(.revoked, 0), frame(.outcome, 1, [UInt8](repeating: 5, count: 400))],
            [ready, frame(.outcome, 0, file: 100_000), frame(.outcome, 1, [UInt8](0..<100))],
            [ready, frame(.outcome, 0, runs, file: 100_000, [.payload, .lent]), frame(.item, 1, file: 100_000, .all)],
            [ready] + (0..<20).map { frame(.outcome, $0, [UInt8](repeating: 1, count: Int($0))) },
        ]
        return rings.map { frames in
            let ring = frames.flatMap { $0 }
            let tails = [ready.count, ring.count, ring.count, ring.count].map(UInt64.init)
            return tails.flatMap { tail in withUnsafeBytes(of: tail) { [UInt8]($0) } } + ring
        }
    }
}
