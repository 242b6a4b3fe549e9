/// The host's end of the way to one worker and back.
///
/// A pool knows its workers through this alone, so that a worker may be reached by rings in shared memory, as here, or by a stream
/// of bytes. Sending and what belongs to it happen under the pool's lock; receiving happens without it, by one thread at a time.
protocol WorkerChannel: AnyObject, Sendable {
    /// Sends a request; it becomes the youngest of those in flight. There must be room for it.
    func send(_ request: consuming OutgoingRequest) throws(SystemError)
    /// Tells the worker to end when it has done what it has.
    func sendStop() throws(SystemError)
    /// Takes back the request that is `index` places behind the oldest in flight, unless it has been started.
    func revoke(at index: Int) -> Bool
    /// Whether the request that is `index` places behind the oldest in flight has been started, or nobody can tell, because its state
    /// was overwritten.
    func isStarted(at index: Int) -> Bool
    /// Asks the worker to stop the request that is `index` places behind the oldest in flight, if it is at work on it.
    ///
    /// - Parameter item: of a batch, only this one; `nil` for all of the request.
    func requestStop(at index: Int, item: UInt32?)
    /// The payload of a request in flight, as it was sent: the worker cannot have changed it.
    func payload(at index: Int) -> RequestPayload
    /// How many requests are in flight.
    var inFlightCount: Int { get }
    /// The sequence number of the oldest request in flight; `nil` if there is none.
    var oldestSequence: UInt64? { get }
    /// Forgets the oldest request in flight; its room can be used again.
    func finishOldest()

    /// Whether the worker has to be woken for what was sent; only one who asks is told. Needs no lock.
    ///
    /// - Parameter isUrgent: whether anything that was sent is urgent.
    func needsWaking(isUrgent: Bool) -> Bool
    /// Wakes the worker. Needs no lock.
    func wake()
    /// What the worker is doing, as far as it says so.
    var stage: TaskStage { get }
    /// When it began what it runs, as it says, on the clock of ``monotonicNanoseconds()``.
    var startedAt: UInt64 { get }
    /// How many nanoseconds of processor time it had used then, as it says; 0 if that is not limited.
    var processorTimeAtStart: UInt64 { get }
    /// Whether it died because it was refused memory, as it says.
    var allocationFailed: Bool { get }

    /// Takes the replies that have arrived, in order. Only by who receives.
    ///
    /// - Parameter most: how many at most; the rest stays where it is.
    /// - Throws: ``ChannelFailure`` if what is there cannot have been written by a sound worker.
    func receive(atMost most: Int, _ body: (Reply) -> Void) throws(ChannelFailure)
    /// Takes what the worker had not sent off when it ended, after all that it had. Only by who receives.
    ///
    /// - Throws: as ``receive(atMost:_:)`` does.
    func receiveUnpublished(_ body: (Reply) -> Void) throws(ChannelFailure)
    /// Asks for the doorbell to be rung at the next reply. Only by who receives.
    ///
    /// - Returns: `false` if a reply has arrived already.
    func prepareToSleep() -> Bool
    /// Withdraws what ``prepareToSleep()`` asked for. Only by who receives.
    func wakeUp()
}

/// A request on its way into a channel.
struct OutgoingRequest: ~Copyable {
    var functionNumber: UInt32
    /// Empty if the worker knows the function already.
    var definition: [UInt8]
    var isBatch: Bool
    var itemCount: UInt32
    var firstItem: UInt32
    var attempt: UInt16
    /// See ``Urgency``.
    var isUrgent: Bool
    /// Whether the worker is to end by itself when it has answered it.
    var isLast = false
    var timing: RequestTiming?
    var payload: RequestPayload
}

/// A reply that has arrived.
struct Reply {
    var kind: ReplyHeader.Kind
    var lateness: ReplyHeader.Lateness
    var sequence: UInt64
    /// A failure if the payload has come, and this process had no descriptors or no memory to take it in.
    var received: Result<Payload, SystemError>

    /// - Throws: ``ChannelFailure`` if it could not be taken in, for what no sound worker sends in a memory file.
    var payload: Payload {
        get throws(ChannelFailure) {
            do {
                return try received.get()
            } catch {
                throw ChannelFailure(message: "a memory file where none belongs, which cannot be used: \(error)")
            }
        }
    }
}

/// What a worker wrote makes no sense.
struct ChannelFailure: Error {
    var message: String
}
