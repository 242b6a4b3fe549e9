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

/// A room for outcomes of a batch's items that are all of one size, and what tells that another has ended: for many in a row, without asking
/// the channel for each.
struct ItemRoom {
    /// Where the next outcome goes, behind its length.
    private(set) var place: UnsafeMutableRawPointer
    /// For how many there is room.
    private(set) var remaining: Int
    /// How many bytes of outcomes there are in the frame.
    private(set) var bytes: Int
    private let size: Int
    private let position: UInt64
    private let openItems: SharedWord

    /// - Parameters:
    ///   - frame: where the outcomes of a frame begin.
    ///   - bytes: how many bytes of them there are.
    ///   - size: how many an outcome takes, with its length.
    ///   - position: where in the ring the frame begins.
    ///   - openItems: where an ``OpenItems`` tells how far they go.
    init(in frame: UnsafeMutableRawPointer, behind bytes: Int, of size: Int, position: UInt64, openItems: SharedWord) {
        place = frame + bytes
        remaining = (OpenItems.capacity - bytes) / size
        self.bytes = bytes
        self.size = size
        self.position = position
        self.openItems = openItems
    }

    /// The item has ended whose outcome is in place. It is told from now on, whatever becomes of this process.
    @inline(__always)
    mutating func commit() {
        place += size
        remaining -= 1
        bytes += size
        openItems.publish(OpenItems(position: position, bytes: bytes).word)
    }
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
            if let alike = Self.countIfAlike(bytes) {
                return (alike.count, Outcome.isError(UnsafeRawBufferPointer(rebasing: bytes.suffix(alike.length))))
            }
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

    /// How many there are if all are as long as the first, as those of numbers are; then none has to be found before the next can be looked at.
    private static func countIfAlike(_ bytes: UnsafeRawBufferPointer) -> (count: Int, length: Int)? {
        guard bytes.count >= 8 else { return nil }
        let length = bytes.loadUnaligned(as: UInt64.self)
        guard length <= UInt64(bytes.count - 8) else { return nil }
        let stride = 8 + Int(length)
        let (count, rest) = bytes.count.quotientAndRemainder(dividingBy: stride)
        guard rest == 0, let first = bytes.baseAddress else { return nil }
        // Checked just now.
        for index in 1..<count where (first + index * stride).loadUnaligned(as: UInt64.self) != length {
            return nil
        }
        return (count, Int(length))
    }
}
