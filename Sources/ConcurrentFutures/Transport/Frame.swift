/// What the host sends to a worker, as it lies in a ring: this header, the function's definition (if the worker does not know it yet), the
/// arguments.
struct RequestHeader {
    struct Flags: OptionSet {
        let rawValue: UInt32
        /// The arguments are in a memory file that was sent before.
        static let payloadInFile = Flags(rawValue: 1)
        /// Not a task: the worker ends when it comes to this.
        static let stop = Flags(rawValue: 2)
        /// The outcomes come item by item, also if there is only one.
        static let batch = Flags(rawValue: 4)
    }

    /// The whole frame's bytes, a multiple of eight.
    var length: UInt32 = 0
    var flags: UInt32 = 0
    /// Which frame of this channel it is, counted from zero.
    var sequence: UInt64 = 0
    var functionNumber: UInt32 = 0
    var definitionLength: UInt32 = 0
    var itemCount: UInt32 = 0
    /// The items before this one are not to be run: an earlier attempt has.
    var firstItem: UInt32 = 0
    var payloadLength: UInt64 = 0

    static let size = MemoryLayout<RequestHeader>.size
}

/// What a worker sends to the host: this header, then the payload.
struct ReplyHeader {
    enum Kind: UInt8 {
        /// The worker stands ready; no task.
        case ready = 1
        /// A call's outcome; its task has ended.
        case outcome = 2
        /// The outcome of a batch's next item.
        case item = 3
        /// All items of a batch have been sent; the payload is the nanoseconds they took. Its task has ended.
        case batchEnd = 4
        /// The frame had been revoked and was passed over.
        case revoked = 5
    }

    /// The whole frame's bytes, a multiple of eight.
    var length: UInt32 = 0
    var kind: UInt8 = 0
    /// 1: the payload is in a memory file that was sent before.
    var payloadInFile: UInt8 = 0
    var reserved: UInt16 = 0
    /// The request's.
    var sequence: UInt64 = 0
    var payloadLength: UInt64 = 0

    static let size = MemoryLayout<ReplyHeader>.size

    init() {}

    /// Reads each word of a header once, from memory that its writer may be changing: what is checked is what is used.
    init(readOnceFrom place: UnsafeMutableRawPointer) {
        let words = (
            SharedWord(at: place).load(), SharedWord(at: place + 8).load(), SharedWord(at: place + 16).load()
        )
        // Any bits are a header; three words are as long as one.
        self = unsafeBitCast(words, to: ReplyHeader.self)
    }
}

/// Where a request is. The word of a frame's slot carries the frame's sequence number too, so that an old frame cannot be taken for a new one.
///
/// None of them is zero: memory that was cleared by mistake must not look like a request that nobody has begun.
enum FrameState: UInt64 {
    case queued = 1
    /// The worker runs it or has run it.
    case started = 2
    /// The host has taken it back; the worker passes over it.
    case revoked = 3

    func word(_ sequence: UInt64) -> UInt64 { sequence << 2 | rawValue }
}

func roundedUp(_ count: Int, to multiple: Int) -> Int {
    (count + multiple - 1) / multiple * multiple
}
