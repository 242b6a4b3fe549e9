import CSystemShims

/// What a pool keeps of a task until it has ended.
///
/// What can change belongs to whoever has the pool's lock, except `next`, which is the ``TaskInbox``'s while the task is in it, and the future, which is the submitter's
/// until then and at last of whoever tells it, without the lock; that is what the unchecked conformance rests on.
///
/// A million of them may wait, so the fields stand in an order that leaves few gaps, and what few tasks need is elsewhere.
final class PoolTask: @unchecked Sendable {
    /// The encoded arguments; `nil` while they are in a worker's channel.
    // Whoever has the lock takes it or sets it, and calls nothing meanwhile: so no two accesses overlap.
    @exclusivity(unchecked) var payload: RequestPayload?
    let isBatch: Bool
    let itemCount: UInt32
    private let line: UInt32
    private let file: StaticString
    /// How many bytes the encoded arguments have; at most 4 GiB are counted.
    private let countedBytes: UInt32
    let driver: PoolDriver
    // There for ever, so that nobody counts references to it.
    private let unmanagedFunction: Unmanaged<TaskFunctionName>
    /// With a reference to it until it has been told.
    @exclusivity(unchecked) private var futureObject: Unmanaged<AnyObject>?
    /// The one that was put into the inbox before it.
    var next: Unmanaged<PoolTask>?
    /// The state machine's number for it, once that has taken it in; no task's before.
    var id = TaskID.max
    private var details: Details?

    /// What is kept only of a task with limits, of a batch, of a task that fails, and of one that may be run again.
    private final class Details {
        var limits: TaskLimits?
        var batch: BatchProgress?
        var failure: PoolError?
        var attempts: AttemptRecord?
    }

    init(_ call: EncodedCall, options: TaskOptions, driver: PoolDriver) {
        self.driver = driver
        unmanagedFunction = .passUnretained(call.function)
        file = options.file
        line = UInt32(clamping: options.line)
        countedBytes = UInt32(clamping: call.arguments.count)
        itemCount = UInt32(call.itemCount)
        isBatch = call.isBatch
        payload = call.arguments
        guard let limits = options.limits else { return }
        ensuredDetails.limits = limits
        if limits.retry?.retriesError != nil { attempts = AttemptRecord() }
    }

    deinit {
        futureObject?.release()
    }

    /// Makes the task's future; once.
    ///
    /// It has to be of the type of the ``TaskCall`` that was encoded: whoever completes it takes that for granted.
    func makeFuture<Output>() -> Future<Output> {
        let future = function.makeFuture(ofBatch: isBatch, control: self)
        futureObject = .passRetained(future)
        return unsafeDowncast(future, to: Future<Output>.self)
    }

    /// Has the future fetched, which will soon be told; perhaps nobody has looked at it since it was made.
    func prefetchFuture() {
        guard let place = futureObject?.toOpaque() else { return }
        cf_prefetch(place)
        cf_prefetch(place + 64)
    }

    /// Tells its future how it has ended.
    ///
    /// - Returns: `false` if that has ended before.
    func end(_ completion: Aftermath.Completion) -> Bool {
        guard let object = futureObject.take() else { return false }
        defer { object.release() }
        return object._withUnsafeGuaranteedRef { object in
            if case .encoded(let payload) = completion, !isBatch {
                return withFunction { $0.complete(object, encoded: payload) }
            }
            let future = function.future(object, ofBatch: isBatch)
            return switch completion {
            case .encoded(let payload): future.complete(encoded: payload, by: reader)
            case .batch(let progress, let nanoseconds):
                future.complete(encoded: progress.payload(nanoseconds: nanoseconds), by: reader)
            case .failed(let error): future.complete(throwing: error)
            case .cancelled: future.completeCancelled()
            }
        }
    }

    var function: TaskFunctionName { unmanagedFunction.takeUnretainedValue() }

    /// The same for what is done with each task.
    @inline(__always)
    func withFunction<Result>(_ body: (TaskFunctionName) -> Result) -> Result {
        unmanagedFunction._withUnsafeGuaranteedRef(body)
    }

    /// Reads what the task has returned or thrown.
    var reader: OutcomeReader { function.reader(ofBatch: isBatch) }

    var options: TaskOptions { TaskOptions(limits: limits, file: file, line: UInt(line)) }

    var argumentBytes: Int { Int(countedBytes) }

    var limits: TaskLimits? { details?.limits }

    /// The outcomes of a batch's items, as far as they have come.
    var batch: BatchProgress? {
        get { details?.batch }
        set { if details != nil || newValue != nil { ensuredDetails.batch = newValue } }
    }

    /// What is to be told if the state machine ends the task without a result.
    var failure: PoolError? {
        get { details?.failure }
        set { if details != nil || newValue != nil { ensuredDetails.failure = newValue } }
    }

    /// What is kept of earlier attempts; `nil` for nearly all.
    var attempts: AttemptRecord? {
        get { details?.attempts }
        set { if details != nil || newValue != nil { ensuredDetails.attempts = newValue } }
    }

    private var ensuredDetails: Details {
        let ensured = details ?? Details()
        details = ensured
        return ensured
    }

    /// How much of a channel's room the task takes.
    var cost: Int {
        let size = payload?.count ?? 0
        let inline = size <= ChannelLayout.largestInlinePayload && payload?.attachments.isEmpty != false
        // What has files takes less of the ring than this, but few files may be in a channel: one more would not fit with its header.
        return RequestHeader.size + (timing == nil ? 0 : RequestTiming.size)
            + roundedUp(withFunction { $0.definition.count }, to: 8)
            + (inline ? roundedUp(size, to: 8) : ChannelLayout.ringSize / (RingChannel.mostFilesInFlight + 1))
    }

    /// The limits of time of which the worker is told.
    var timing: RequestTiming? {
        guard let limits, limits.timeoutNanoseconds != 0 || limits.deadlineInstant != 0 else {
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

    func noteWait() { driver.noteWait() }
}

/// What a pool keeps of a task that is run again after a failure, or may be.
final class AttemptRecord {
    /// Why the earlier attempts at the task, or at a batch's current item, failed.
    var failures: [any Error] = []
    /// What will be told if the task is not run again, while that is being decided.
    var outcomeInQuestion: Aftermath.Completion?
}
