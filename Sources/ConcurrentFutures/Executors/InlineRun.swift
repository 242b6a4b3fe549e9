/// One run of an encoded call in this process, to an encoded outcome, as a worker would do it.
struct InlineRun: ~Copyable {
    private let calls: InlineCalls
    private let isBatch: Bool
    private let itemCount: Int
    /// A copy that stays where it is while an `async` function is suspended.
    private let arguments: UnsafeMutableRawBufferPointer
    private var outcome = BinaryEncoder()
    /// What one call ended with in place of an outcome of its own.
    private var failure: (any Error)?

    init<Output>(_ call: EncodedCall<Output>, _ function: BoundFunction, _ options: TaskOptions) {
        calls = InlineCalls(function: function, options: options)
        isBatch = call.isBatch
        itemCount = call.itemCount
        arguments = .allocate(byteCount: call.arguments.count, alignment: 16)
        call.arguments.withUnsafeBytes(arguments.copyMemory)
    }

    deinit {
        arguments.deallocate()
    }

    mutating func run() {
        guard isBatch else {
            failure = calls.run(UnsafeRawBufferPointer(arguments), to: &outcome)
            return
        }
        let start = ContinuousClock.now
        var outcomes = BinaryEncoder()
        var items = BinaryDecoder(UnsafeRawBufferPointer(arguments))
        for _ in 0..<itemCount {
            let start = outcomes.reserveLength()
            let failure = calls.run(nextItem(of: &items), to: &outcomes)
            if let failure { Outcome.append(error: failure, to: &outcomes) }
            outcomes.fillLength(at: start)
        }
        finishBatch(&outcomes, since: start)
    }

    mutating func runAsync(_ task: InlineTask) async {
        guard isBatch else {
            failure = await calls.runAsync(UnsafeRawBufferPointer(arguments), to: &outcome, task)
            return
        }
        let start = ContinuousClock.now
        var outcomes = BinaryEncoder()
        var items = BinaryDecoder(UnsafeRawBufferPointer(arguments))
        for _ in 0..<itemCount where !task.isOver {
            let start = outcomes.reserveLength()
            let failure = await calls.runAsync(nextItem(of: &items), to: &outcomes, task)
            if let failure { Outcome.append(error: failure, to: &outcomes) }
            outcomes.fillLength(at: start)
        }
        finishBatch(&outcomes, since: start)
    }

    private func nextItem(of items: inout BinaryDecoder) -> UnsafeRawBufferPointer {
        do {
            return try items.readItem()
        } catch {
            preconditionFailure("a batch that this process encoded is shorter than its items")
        }
    }

    /// Writes what ``BatchOutcomeDecoder`` reads.
    private mutating func finishBatch(_ outcomes: inout BinaryEncoder, since start: ContinuousClock.Instant) {
        outcome.append(UInt32(itemCount))
        outcome.append(UInt64((.now - start).nanoseconds))
        outcomes.withUnsafeBytes { outcome.append(contentsOf: $0) }
    }

    /// Ends the task's future.
    consuming func complete(_ future: any AnyFuture) {
        if let failure {
            future.complete(throwing: failure)
        } else {
            future.complete(encoded: .bytes(outcome.takeBytes()))
        }
    }
}
