/// Where things lie in the two memory files of a channel. README.md beside this file tells the protocol.
enum ChannelLayout {
    /// Bytes of each ring; a multiple of the page size on every supported system.
    static let ringSize = 256 * 1024
    /// A payload above this travels in a memory file of its own, so that one frame never fills a ring.
    static let largestInlinePayload = 48 * 1024
    /// A function's definition is always inline; a longer one is refused. A frame with one and the largest payload fits.
    static let largestDefinition = 64 * 1024
    /// Frames that may be in a channel at once, revoked ones included.
    static let slotCount = 1024

    /// Request file: written by the host alone.
    enum Requests {
        static let tail = 0
        static let headerSize = 64 * 1024
    }

    /// Control file: written by both. Each word that one side writes often has a cache line of its own.
    enum Control {
        static let replyTail = 0
        static let replyHead = 64
        static let hostSleeps = 128
        static let workerRest = 192
        static let workerBell = 256
        static let workerWaitsForSpace = 320
        static let stage = 384
        static let startedAt = 448
        static let stopRequest = 512
        static let processorTimeAtStart = 576
        static let allocationFailed = 640
        static let openItems = 704
        static let states = 4096
        static let headerSize = 64 * 1024
    }
}

/// The words of a channel's control file, named.
struct ControlBlock {
    /// How far replies have been published.
    let replyTail: SharedWord
    /// How far replies have been taken.
    let replyHead: SharedWord
    /// Set while the host wants its doorbell rung.
    let hostSleeps: SharedWord
    /// A ``WorkerRest``.
    let workerRest: SharedWord
    let workerBell: SleepWord
    /// Counts wake-ups; the low half is what ``workerBell`` sleeps on.
    let workerBellCount: SharedWord
    /// Set while the worker waits for room in the reply ring.
    let workerWaitsForSpace: SharedWord
    /// A ``TaskStage``.
    let stage: SharedWord
    /// When the worker began what it runs, on the clock of ``monotonicNanoseconds()``.
    let startedAt: SharedWord
    /// The ``CallNumber`` of what the worker is to stop; written by the host.
    let stopRequest: SharedWord
    /// How many nanoseconds of processor time the worker had used when it began what it runs; only if that is limited.
    let processorTimeAtStart: SharedWord
    /// Set when the worker dies because it was refused memory.
    let allocationFailed: SharedWord
    /// An ``OpenItems``, written by the worker.
    let openItems: SharedWord
    private let states: UnsafeMutableRawPointer

    init(at base: UnsafeMutableRawPointer) {
        replyTail = SharedWord(at: base + ChannelLayout.Control.replyTail)
        replyHead = SharedWord(at: base + ChannelLayout.Control.replyHead)
        hostSleeps = SharedWord(at: base + ChannelLayout.Control.hostSleeps)
        workerRest = SharedWord(at: base + ChannelLayout.Control.workerRest)
        workerBell = SleepWord(at: base + ChannelLayout.Control.workerBell)
        workerBellCount = SharedWord(at: base + ChannelLayout.Control.workerBell)
        workerWaitsForSpace = SharedWord(at: base + ChannelLayout.Control.workerWaitsForSpace)
        stage = SharedWord(at: base + ChannelLayout.Control.stage)
        startedAt = SharedWord(at: base + ChannelLayout.Control.startedAt)
        stopRequest = SharedWord(at: base + ChannelLayout.Control.stopRequest)
        processorTimeAtStart = SharedWord(at: base + ChannelLayout.Control.processorTimeAtStart)
        allocationFailed = SharedWord(at: base + ChannelLayout.Control.allocationFailed)
        openItems = SharedWord(at: base + ChannelLayout.Control.openItems)
        states = base + ChannelLayout.Control.states
    }

    /// The state word of a frame's slot.
    func state(of sequence: UInt64) -> SharedWord {
        SharedWord(at: states + 8 * Int(sequence % UInt64(ChannelLayout.slotCount)))
    }
}
