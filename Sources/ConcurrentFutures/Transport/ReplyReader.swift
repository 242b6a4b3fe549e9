/// Reads replies out of a ring that somebody else writes, and believes nothing that stands there.
///
/// Each header is copied once and checked before it is used, whatever its writer makes of the ring meanwhile. The reader knows no memory but
/// the ring's, so that it reads one that is shared with a worker and a plain buffer alike.
struct ReplyReader {
    /// A reply, as far as the ring tells.
    struct Frame {
        enum Content {
            /// In the ring, where it may still change: to be copied before it is looked at.
            case inline(UnsafeRawBufferPointer)
            /// In a memory file of so many bytes.
            case file(count: Int)
            /// In a file that the worker lends.
            case lent(count: Int, runs: [Range<Int>])
        }

        var kind: ReplyHeader.Kind
        var lateness: ReplyHeader.Lateness
        var sequence: UInt64
        var content: Content
        /// Whether files belong to the payload.
        var isAttached: Bool
    }

    /// Takes the outcomes of items that a worker had not published when it ended, if there are any.
    ///
    /// - Parameter open: how far it says that it had come.
    mutating func unpublished(_ open: OpenItems) throws(ChannelFailure) -> Frame? {
        guard open.begins(at: head), open.bytes > 0 else { return nil }
        guard open.bytes <= min(OpenItems.capacity, Int(capacity) - ReplyHeader.size) else {
            throw ChannelFailure(message: "\(open.bytes) bytes of outcomes in one frame")
        }
        let frame = ring + Int(head % capacity)
        let header = ReplyHeader(readOnceFrom: frame)
        guard header.kind == ReplyHeader.Kind.items.rawValue else {
            throw ChannelFailure(message: "outcomes of items in a frame of the kind \(header.kind)")
        }
        let bytes = UnsafeRawBufferPointer(start: frame + ReplyHeader.size, count: open.bytes)
        return Frame(
            kind: .items,
            lateness: .none,
            sequence: header.sequence,
            content: .inline(bytes),
            isAttached: false
        )
    }

    private let ring: UnsafeMutableRawPointer
    private let capacity: UInt64
    /// How far replies have been taken.
    private(set) var head: UInt64 = 0

    /// - Parameters:
    ///   - ring: aligned to eight bytes, and followed by `capacity` more bytes that are those of the ring again, as long as this is used.
    ///   - capacity: in bytes, a multiple of eight.
    init(ring: UnsafeMutableRawPointer, capacity: Int) {
        self.ring = ring
        self.capacity = UInt64(capacity)
    }

    /// Takes the next reply.
    ///
    /// - Parameter tail: how far the writer says that it has come.
    /// - Returns: `nil` if all before the tail have been taken.
    /// - Throws: ``ChannelFailure`` if there is what no sound worker writes; the reader must not be used any more.
    mutating func next(before tail: UInt64) throws(ChannelFailure) -> Frame? {
        guard tail != head else { return nil }
        // Wraps where the tail has gone backwards, and is too much then.
        let available = tail &- head
        guard available <= capacity else { throw ChannelFailure(message: "more replies than its ring holds") }
        guard available >= ReplyHeader.size else { throw ChannelFailure(message: "a reply without a header") }
        let frame = ring + Int(head % capacity)
        let header = ReplyHeader(readOnceFrom: frame)
        let length = UInt64(header.length)
        guard length >= ReplyHeader.size, length <= available, length.isMultiple(of: 8) else {
            throw ChannelFailure(message: "a reply of \(length) bytes where \(available) are")
        }
        guard let kind = ReplyHeader.Kind(rawValue: header.kind) else {
            throw ChannelFailure(message: "a reply of the unknown kind \(header.kind)")
        }
        guard let lateness = ReplyHeader.Lateness(rawValue: header.lateness) else {
            throw ChannelFailure(message: "a reply that is late in the unknown way \(header.lateness)")
        }
        guard kind.isAboutStart == (head == 0) else {
            throw ChannelFailure(message: head == 0 ? "a reply before it was ready" : "that it is ready, once more")
        }
        let files = ReplyHeader.Files(rawValue: header.files)
        guard files.isSubset(of: .all), kind.isOutcome || !files.contains(.attached),
            kind != .items || files.isEmpty, files.contains(.payload) || !files.contains(.lent)
        else {
            throw ChannelFailure(message: "a reply of the kind \(header.kind) with the unknown files \(header.files)")
        }
        let content: Frame.Content
        if !files.contains(.payload) {
            let room = length - UInt64(ReplyHeader.size)
            guard header.payloadLength <= room else {
                throw ChannelFailure(message: "a reply of \(header.payloadLength) bytes in a frame of \(length)")
            }
            content = .inline(
                UnsafeRawBufferPointer(start: frame + ReplyHeader.size, count: Int(header.payloadLength))
            )
        } else {
            guard let count = Int(exactly: header.payloadLength), count > ChannelLayout.largestInlinePayload else {
                throw ChannelFailure(message: "a memory file of \(header.payloadLength) bytes")
            }
            if files.contains(.lent) {
                let bytes = UnsafeRawBufferPointer(
                    start: frame + ReplyHeader.size,
                    count: Int(length) - ReplyHeader.size
                )
                content = .lent(count: count, runs: try Self.runs(in: bytes, count: count))
            } else {
                content = .file(count: count)
            }
        }
        head += length
        return Frame(
            kind: kind,
            lateness: lateness,
            sequence: header.sequence,
            content: content,
            isAttached: files.contains(.attached)
        )
    }

    /// Where a worker says that its payload is nothing but numbers.
    private static func runs(in bytes: UnsafeRawBufferPointer, count: Int) throws(ChannelFailure) -> [Range<Int>] {
        guard bytes.count.isMultiple(of: 16), bytes.count <= 16 * GrowingBytes.mostRuns else {
            throw ChannelFailure(message: "half a run of numbers")
        }
        var runs: [Range<Int>] = []
        var end: UInt64 = 0
        for place in stride(from: 0, to: bytes.count, by: 16) {
            // Once: its writer may be changing it.
            let start = SharedWord(at: UnsafeMutableRawPointer(mutating: bytes.baseAddress! + place)).load()
            let next = SharedWord(at: UnsafeMutableRawPointer(mutating: bytes.baseAddress! + place + 8)).load()
            guard start >= end, next >= start, next <= count else {
                throw ChannelFailure(message: "a run of numbers outside of its payload")
            }
            runs.append(Int(start)..<Int(next))
            end = next
        }
        return runs
    }
}
