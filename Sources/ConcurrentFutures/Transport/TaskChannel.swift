/// A worker's end of the way to its host: where tasks come from and outcomes go. The worker's loop knows no more of how they travel.
protocol TaskChannel: AnyObject {
    /// Waits for the next request that has not been revoked, and marks it as started.
    ///
    /// - Parameter define: is given each function's number and definition as it comes, also with a request that has been revoked: the
    ///   requests behind it count on it.
    /// - Returns: `nil` when the host wants the worker to end.
    func nextRequest(define: (UInt32, UnsafeRawBufferPointer) -> Void) -> IncomingRequest?
    /// Sends a reply; waits for room if there is none.
    ///
    /// - Throws: ``SystemError`` if the payload is big and no memory file can be made for it, or files cannot be sent, also not after a while;
    ///   nothing was sent then.
    func reply(
        _ kind: ReplyHeader.Kind,
        sequence: UInt64,
        lateness: ReplyHeader.Lateness,
        payload: ReplyPayload
    ) throws(SystemError)
    /// A room for outcomes of a batch's next items, each behind its length. Waits if there is none.
    ///
    /// - Parameter size: how many bytes the length and an outcome take, not more than ``OpenItems/largestItem``.
    func roomForItems(of size: Int, sequence: UInt64) -> ItemRoom
    /// Takes note of what was committed in a room: to be called before anything else is asked of the channel. The host hears of it with the next reply,
    /// or when there is much.
    func take(_ room: ItemRoom)
    /// Where files are from in which a big payload may be written at once.
    var resultFiles: any WarmFileSource { get }
    /// Says what the worker is doing.
    func note(_ stage: TaskStage)
    /// Says that another item of a batch begins now.
    func noteItemStart()
    /// Has the ``CallNumber`` of what the worker was last asked to stop. May be read from any thread. It lies in memory that the channel shares with its host,
    /// or that it writes to itself.
    var stopWord: SharedWord { get }
    /// Has a message when the worker is asked to stop something.
    var stopBell: MessageSocket { get }
    /// Says how many nanoseconds of processor time this process had used when its task began.
    func note(processorTime: UInt64)
    /// Where to put a 1 when this process is about to die because it was refused memory.
    var allocationFailureNote: UnsafeMutablePointer<UInt64> { get }
}

extension TaskChannel {
    /// What the worker was last asked to stop.
    var stopRequest: CallNumber { CallNumber(word: stopWord.load()) }
}

/// What a reply carries.
struct ReplyPayload {
    var bytes: UnsafeRawBufferPointer
    /// One of the channel's own files, if the bytes are at the beginning of its content.
    var file: WarmFile?
    /// Where numbers lie in it that were written many at once.
    var runs: [Range<Int>] = []
    /// The files that belong to the bytes.
    var attachments: [SharedFile] = []

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    static var none: ReplyPayload { ReplyPayload(UnsafeRawBufferPointer(start: nil, count: 0)) }

    var isBig: Bool { bytes.count > ChannelLayout.largestInlinePayload }
}

/// A request that has been taken from a channel; valid until its last reply has been sent.
struct IncomingRequest: ~Copyable {
    var header: RequestHeader
    var timing: RequestTiming
    var payload: UnsafeRawBufferPointer
    /// Where ``payload`` is from, if that means anything; valid as long as that.
    var origin: UnsafePointer<ByteOrigin>?
    /// The files that belong to the payload.
    var attachments: Attachments
}
