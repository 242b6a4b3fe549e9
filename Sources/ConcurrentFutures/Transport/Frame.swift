/// What the host sends to a worker, as it lies in a ring: this header, a ``RequestTiming`` (if the flags say so), the function's definition
/// (if the worker does not know it yet), the arguments.
struct RequestHeader {
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The arguments are in a memory file that was sent before.
        static let payloadInFile = Flags(rawValue: 1)
        /// Not a task: the worker ends when it comes to this.
        static let stop = Flags(rawValue: 2)
        /// The outcomes come item by item, also if there is only one.
        static let batch = Flags(rawValue: 4)
        /// The task has limits of time, which follow the header.
        static let timed = Flags(rawValue: 8)
        /// Files that belong to the arguments were sent before, behind the one of the arguments themselves, if these are in one.
        static let attached = Flags(rawValue: 16)
        /// It is not urgent (``Urgency``): the worker may nap behind it.
        static let unhurried = Flags(rawValue: 32)
        /// No other follows: the worker ends by itself when it has answered it, rather than wait to be told.
        static let last = Flags(rawValue: 64)
    }

    /// The whole frame's bytes, a multiple of eight.
    var length: UInt32 = 0
    /// ``Flags``.
    var flags: UInt16 = 0
    /// Which attempt at the task, or at a batch's first item, this is, counted from 1.
    var attempt: UInt16 = 1
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

/// The limits of time of a request.
struct RequestTiming {
    /// How many nanoseconds the call, or each of a batch's items, may take; 0 if there is no limit.
    var timeout: UInt64 = 0
    /// When the task must have ended, on the clock of ``monotonicNanoseconds()``; 0 if it need not.
    var deadline: UInt64 = 0

    static let size = MemoryLayout<RequestTiming>.size
}

/// Names one call of a channel to the worker that runs it: what a request to stop is about.
struct CallNumber: Hashable {
    let word: UInt64

    init(word: UInt64) {
        self.word = word
    }

    /// - Parameter item: of a batch; `nil` for a call that is none, and for whichever item of a batch is at work.
    init(sequence: UInt64, item: UInt32?) {
        // No number is 0, and the highest bit is free for others.
        word = ((sequence &+ 1) & 0x7FFF_FFFF) << 32 | UInt64(item ?? .max)
    }

    /// Whether a request to stop this is about that call.
    func covers(_ other: CallNumber) -> Bool {
        word == other.word || (UInt32(truncatingIfNeeded: word) == .max && word >> 32 == other.word >> 32)
    }
}

/// What a worker sends to the host: this header, then the payload.
struct ReplyHeader {
    enum Kind: UInt8, CaseIterable {
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
        /// The outcome of a batch's item that was asked to stop; those behind it are given back. Its frame has ended.
        case stoppedItem = 6
        /// The pool's initializer threw, and the worker ends; the payload is an ``InitializerFailure``. No task.
        case initializerFailed = 7
        /// The outcomes of a batch's next items, each behind its length as a UInt64.
        case items = 8

        /// Whether it carries an outcome, to which files may belong.
        var isOutcome: Bool { self == .outcome || self == .item || self == .stoppedItem }

        /// Whether it is of no request, and comes first.
        var isAboutStart: Bool { self == .ready || self == .initializerFailed }
    }

    /// Which limit of time the call had exceeded when it ended: the worker knows exactly, also if the host looks too late.
    enum Lateness: UInt16 {
        case none = 0
        case timeout = 1
        case deadline = 2
    }

    /// Which files were sent before, in one message.
    struct Files: OptionSet {
        let rawValue: UInt8
        /// The payload is in a memory file.
        static let payload = Files(rawValue: 1)
        /// Files belong to the payload; in the message they stand behind that of the payload itself, if this is in one.
        static let attached = Files(rawValue: 2)
        /// The file of the payload is one that the worker lends; behind the header stands where in it are numbers alone: the beginning and the end
        /// of each such run, as a UInt64.
        static let lent = Files(rawValue: 4)
        static let all: Files = [.payload, .attached, .lent]
    }

    /// The whole frame's bytes, a multiple of eight.
    var length: UInt32 = 0
    var kind: UInt8 = 0
    /// ``Files``.
    var files: UInt8 = 0
    /// A ``Lateness``.
    var lateness: UInt16 = 0
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
/// None of them is a word that programs commonly write, least of all zero: memory that a task wrote over by mistake must not look like requests.
enum FrameState: UInt64 {
    case queued = 1
    /// The worker runs it or has run it.
    case started = 2
    /// The host has taken it back; the worker passes over it.
    case revoked = 3

    /// Neither counts nor addresses have these bits, no `Double` that is not tiny, and no text: the byte C1 is in none that is UTF-8.
    static let mark: UInt64 = 0x80C1 << 48

    func word(_ sequence: UInt64) -> UInt64 { (sequence << 2 | rawValue) ^ Self.mark }
}

/// Whether a worker looks for requests itself, as it says.
enum WorkerRest: UInt64 {
    case none = 0
    /// It wants to be woken for whatever is sent.
    case sleep = 1
    /// It wakes by itself soon, and wants to be woken for what is urgent.
    case nap = 2
}

func roundedUp(_ count: Int, to multiple: Int) -> Int {
    (count + multiple - 1) / multiple * multiple
}
