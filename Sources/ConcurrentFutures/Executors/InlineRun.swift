/// One run of an encoded call in this process, to an encoded outcome, as a worker would do it.
struct InlineRun: ~Copyable {
    private let calls: InlineCalls
    private let reader: OutcomeReader
    private let isBatch: Bool
    private let itemCount: Int
    /// A copy that stays where it is while an `async` function is suspended.
    private let arguments: UnsafeMutableRawBufferPointer
    /// An ``Outcome``, or what the call ended with in place of one; `nil` before it has ended.
    private var outcome: Result<Payload, any Error>?

    init(_ call: EncodedCall, _ function: BoundFunction, _ options: TaskOptions) {
        calls = InlineCalls(function: function, options: options, attachments: Attachments(call.arguments.attachments))
        reader = call.reader
        isBatch = call.isBatch
        itemCount = call.itemCount
        // Room for one byte at least, so that there is a place.
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, call.arguments.count), alignment: 16)
        // Encoded without files for big ones.
        call.arguments.copy(to: room.baseAddress!)
        arguments = UnsafeMutableRawBufferPointer(start: room.baseAddress, count: call.arguments.count)
    }

    deinit {
        arguments.deallocate()
    }

    mutating func run() {
        guard isBatch else { return outcome = calls.run(UnsafeRawBufferPointer(arguments)) }
        let start = ContinuousClock.now
        var outcomes: [Payload] = []
        var items = BinaryDecoder(UnsafeRawBufferPointer(arguments))
        for _ in 0..<itemCount { outcomes.append(Self.payload(calls.run(nextItem(of: &items)))) }
        finishBatch(outcomes, since: start)
    }

    mutating func runAsync(_ task: InlineTask) async {
        guard isBatch else { return outcome = await calls.runAsync(UnsafeRawBufferPointer(arguments), task) }
        let start = ContinuousClock.now
        var outcomes: [Payload] = []
        var items = BinaryDecoder(UnsafeRawBufferPointer(arguments))
        for _ in 0..<itemCount where !task.isOver {
            outcomes.append(Self.payload(await calls.runAsync(nextItem(of: &items), task)))
        }
        finishBatch(outcomes, since: start)
    }

    private func nextItem(of items: inout BinaryDecoder) -> UnsafeRawBufferPointer {
        do {
            return try items.readItem()
        } catch {
            preconditionFailure("a batch that this process encoded is shorter than its items")
        }
    }

    private static func payload(_ outcome: Result<Payload, any Error>) -> Payload {
        switch outcome {
        case .success(let payload):
            return payload
        case .failure(let failure):
            var encoder = BinaryEncoder()
            Outcome.append(error: failure, to: &encoder)
            return encoder.takePayload()
        }
    }

    private mutating func finishBatch(_ outcomes: [Payload], since start: ContinuousClock.Instant) {
        outcome = .success(.batch(outcomes.map(BatchPart.one), nanoseconds: UInt64((.now - start).nanoseconds)))
    }

    /// Ends the task's future.
    consuming func complete(_ future: any AnyFuture) {
        switch outcome {
        case .success(let payload): future.complete(encoded: payload, by: reader)
        case .failure(let failure): future.complete(throwing: failure)
        case nil: preconditionFailure("a task was ended that has not run")
        }
    }
}
