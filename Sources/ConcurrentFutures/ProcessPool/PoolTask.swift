/// What a pool keeps of a task until it has ended.
///
/// What can change belongs to whoever has the pool's lock, except `next`, which is the ``TaskInbox``'s while the task is in it; that is what the unchecked
/// conformance rests on.
final class PoolTask: @unchecked Sendable {
    let driver: PoolDriver
    let function: any TaskFunctionName
    /// Reads what the task has thrown. The future's own is gone as soon as that has been cancelled.
    let decoder: any OutcomeDecoder
    let options: TaskOptions
    /// How many bytes the encoded arguments have.
    let argumentBytes: Int
    let itemCount: UInt32
    let isBatch: Bool
    /// Set once, by the thread that submits.
    private(set) var future: (any AnyFuture)!
    /// The one that was put into the inbox before it.
    var next: Unmanaged<PoolTask>?
    /// The state machine's number for it, once that has taken it in; no task's before.
    var id = TaskID.max
    /// The encoded arguments; `nil` while they are in a worker's channel.
    var payload: RequestPayload?
    /// The outcomes of a batch's items, as far as they have come.
    var batch: BatchProgress?
    /// What is to be told if the state machine ends the task without a result.
    var failure: PoolError? {
        get { failureInBox as? PoolError }
        set { failureInBox = newValue }
    }
    // Ten words that few tasks need.
    private var failureInBox: (any Error)?
    /// `nil` for nearly all.
    var attempts: AttemptRecord?

    init<Output>(_ call: EncodedCall<Output>, options: TaskOptions, driver: PoolDriver) {
        self.driver = driver
        function = call.function
        decoder = call.decoder
        self.options = options
        argumentBytes = call.arguments.count
        itemCount = UInt32(call.itemCount)
        isBatch = call.isBatch
        payload = call.arguments
        attempts = options.limits?.retry?.retriesError.map { _ in AttemptRecord(decoder: call.decoder) }
    }

    /// Makes the task's future; once.
    func makeFuture<Output>(_ decoder: any OutcomeDecoder<Output>) -> Future<Output> {
        let future = Future(control: self, decoder: decoder)
        self.future = future
        return future
    }

    /// How much of a channel's room the task takes.
    var cost: Int {
        let size = payload?.count ?? 0
        let inline = size <= ChannelLayout.largestInlinePayload && payload?.attachments.isEmpty != false
        // What has files takes less of the ring than this, but few files may be in a channel: one more would not fit with its header.
        return RequestHeader.size + (timing == nil ? 0 : RequestTiming.size)
            + roundedUp(function.definition.count, to: 8)
            + (inline ? roundedUp(size, to: 8) : ChannelLayout.ringSize / (RingChannel.mostFilesInFlight + 1))
    }

    /// The limits of time of which the worker is told.
    var timing: RequestTiming? {
        guard let limits = options.limits, limits.timeoutNanoseconds != 0 || limits.deadlineInstant != 0 else {
            return nil
        }
        return RequestTiming(timeout: limits.timeoutNanoseconds, deadline: limits.deadlineInstant)
    }
}

extension PoolTask: TaskControl {
    var callbackScheduler: (any CallbackScheduler)? { driver.callbacks }

    func cancel(_: TaskID) -> Bool { driver.cancel(self) }

    func isRunning(_: TaskID) -> Bool { driver.isRunning(self) }

    func work(until isDone: () -> Bool) -> Bool { driver.receiveReplies(until: isDone) }
}

/// What a pool keeps of a task that is run again after a failure, or may be.
final class AttemptRecord {
    /// Why the earlier attempts at the task, or at a batch's current item, failed.
    var failures: [any Error] = []
    let decoder: any OutcomeDecoder
    /// What will be told if the task is not run again, while that is being decided.
    var outcomeInQuestion: Aftermath.Completion?

    init(decoder: any OutcomeDecoder) {
        self.decoder = decoder
    }
}
