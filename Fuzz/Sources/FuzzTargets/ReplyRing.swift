@testable import ConcurrentFutures

/// What inputs are made of that stand for a ring of replies.
enum ReplyRing {
    static let smallest = 64

    /// Lends a reader of the ring whose content stands behind a header, as it is mapped in earnest: twice, one behind the other.
    ///
    /// - Returns: whether there is enough for a ring, and it was read without a failure.
    static func isRead(
        _ input: UnsafeRawBufferPointer,
        behind headerSize: Int,
        by body: (inout ReplyReader, _ capacity: Int) throws(ChannelFailure) -> Void
    ) -> Bool {
        guard input.count >= headerSize + smallest else { return false }
        let content = UnsafeRawBufferPointer(rebasing: input[headerSize...])
        let capacity = content.count / 8 * 8
        let ring = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * capacity, alignment: 8)
        defer { ring.deallocate() }
        for place in [0, capacity] {
            UnsafeMutableRawBufferPointer(rebasing: ring[place..<place + capacity])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: content[..<capacity]))
        }
        var reader = ReplyReader(ring: ring.baseAddress!, capacity: capacity)
        do throws(ChannelFailure) {
            try body(&reader, capacity)
            return true
        } catch {
            return false
        }
    }

    /// Takes all replies before a tail.
    static func takeAll(
        before tail: UInt64,
        _ reader: inout ReplyReader,
        capacity: Int
    ) throws(ChannelFailure) {
        while let frame = try reader.next(before: tail) {
            try take(frame, capacity: capacity)
            precondition(reader.head <= tail)
        }
    }

    /// Takes a reply as the host does, and holds it to what the host rests on.
    static func take(_ frame: ReplyReader.Frame, capacity: Int) throws(ChannelFailure) {
        switch frame.content {
        case .inline(let bytes):
            precondition(bytes.count <= capacity)
            // The copy also shows that the bytes are there.
            let payload = Payload(copying: bytes)
            if frame.kind == .items {
                let count = try ItemOutcomes(payload).count
                precondition(count <= bytes.count / 8)
            }
        case .file(let count):
            precondition(count > ChannelLayout.largestInlinePayload)
        case .lent(let count, let runs):
            precondition(count > ChannelLayout.largestInlinePayload)
            precondition(runs.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= count })
            precondition(zip(runs, runs.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
        }
    }

    // MARK: Sound ones

    static func frame(
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

    /// Outcomes, each behind its length, as a worker writes those of a batch's items.
    static func items(_ outcomes: [[UInt8]]) -> [UInt8] {
        outcomes.flatMap { words(UInt64($0.count)) + $0 }
    }

    static func words(_ words: UInt64...) -> [UInt8] {
        words.flatMap { word in withUnsafeBytes(of: word) { [UInt8]($0) } }
    }

    // MARK: Changed ones

    /// The frames of a ring, and as the last one what is none.
    static func frames(_ ring: ArraySlice<UInt8>) -> [[UInt8]] {
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

    /// All kinds that there are, and one that there is not.
    private static let kinds = ReplyHeader.Kind.allCases.map(\.rawValue) + [.max]

    static func change(frame: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        var frame = frame
        guard frame.count >= ReplyHeader.size else { return mutator.changeBytes(of: frame) }
        switch mutator.roll(1...8) {
        case 1: mutator.overwrite(&frame, at: 0, with: UInt32(truncatingIfNeeded: mutator.number()))
        case 2: frame[4] = mutator.one(of: kinds)
        case 3: frame[5] = UInt8(mutator.roll(0...Int(ReplyHeader.Files.all.rawValue) + 1))
        case 4: mutator.overwrite(&frame, at: 8, with: mutator.number())
        case 5: mutator.overwrite(&frame, at: 16, with: mutator.number())
        case 6: frame.replaceSubrange(ReplyHeader.size..., with: change(items: frame[ReplyHeader.size...], &mutator))
        default: return mutator.changeBytes(of: frame)
        }
        return frame
    }

    /// Changes outcomes, each of which stands behind its length; what stands behind them and is none goes.
    private static func change(items: ArraySlice<UInt8>, _ mutator: inout Mutator) -> [UInt8] {
        var outcomes = outcomes(in: items)
        mutator.changeList(of: &outcomes) { OutcomeTarget.change(outcome: $0, &$1) }
        return Self.items(outcomes)
    }

    /// The outcomes that stand there, each behind its length, up to what is none.
    static func outcomes(in items: ArraySlice<UInt8>) -> [[UInt8]] {
        var outcomes: [[UInt8]] = []
        var rest = items
        while rest.count >= 8 {
            let length = rest.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
            guard length <= rest.count - 8 else { break }
            outcomes.append(Array(rest.dropFirst(8).prefix(Int(length))))
            rest = rest.dropFirst(8 + Int(length))
        }
        return outcomes
    }
}
