/// How far a worker has come with a frame of outcomes that it has not published yet.
///
/// Outcomes of a batch's items are written into the ring one by one, and published together: to publish each by itself costs more than to run
/// a short item. What stands there when the worker dies is read all the same, so that no item that has ended is run again.
struct OpenItems {
    /// So many bytes of outcomes are published together at most.
    static let capacity = 16 * 1024
    /// An outcome of more bytes is sent by itself.
    static let largestItem = 4 * 1024

    let word: UInt64

    init(word: UInt64) {
        self.word = word
    }

    /// - Parameters:
    ///   - position: where in the ring the frame begins, a multiple of eight.
    ///   - bytes: how many bytes of outcomes there are in it, at most ``capacity``.
    init(position: UInt64, bytes: Int) {
        word = position << 29 | UInt64(bytes)
    }

    var bytes: Int { Int(word & 0xFFFF_FFFF) }

    /// Whether it is about a frame that begins there, and not about one that was published since.
    func begins(at position: UInt64) -> Bool { word >> 32 == (position << 29) >> 32 }
}

/// Outcomes of a batch's items, as a worker has sent them in one frame.
struct ItemOutcomes {
    let payload: Payload
    let count: Int
    /// Whether the last of them is an error.
    let lastHasThrown: Bool

    /// - Throws: ``ChannelFailure`` if the bytes are not some outcomes, each behind its length.
    init(_ payload: Payload) throws(ChannelFailure) {
        self.payload = payload
        let found: (count: Int, lastHasThrown: Bool)? = payload.withUnsafeBytes { bytes in
            var count = 0
            var position = 0
            var last = UnsafeRawBufferPointer(start: nil, count: 0)
            while position < bytes.count {
                guard bytes.count - position >= 8 else { return nil }
                let length = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                position += 8
                guard length <= UInt64(bytes.count - position) else { return nil }
                last = UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)])
                position += Int(length)
                count += 1
            }
            return (count, Outcome.isError(last))
        }
        guard let found, found.count > 0 else { throw ChannelFailure(message: "outcomes of items that are none") }
        (count, lastHasThrown) = found
    }
}
