/// One run of an encoded call in this process, to an encoded outcome, as a worker would do it.
struct InlineRun: ~Copyable {
    private let isBatch: Bool
    private let itemCount: Int
    /// A copy that stays where it is while an `async` function is suspended.
    private let arguments: UnsafeMutableRawBufferPointer
    private var outcome = BinaryEncoder()

    init<Output>(_ call: EncodedCall<Output>) {
        isBatch = call.isBatch
        itemCount = call.itemCount
        arguments = .allocate(byteCount: call.arguments.count, alignment: 16)
        arguments.copyBytes(from: call.arguments)
    }

    deinit {
        arguments.deallocate()
    }

    mutating func run(_ function: BoundFunction) {
        guard isBatch else {
            var decoder = BinaryDecoder(UnsafeRawBufferPointer(arguments))
            return function.run(&decoder, outcome: &outcome, stage: { _ in })
        }
        let start = ContinuousClock.now
        var outcomes = BinaryEncoder()
        var items = BinaryDecoder(UnsafeRawBufferPointer(arguments))
        for _ in 0..<itemCount {
            var item = BinaryDecoder(nextItem(of: &items))
            let start = outcomes.reserveLength()
            function.run(&item, outcome: &outcomes, stage: { _ in })
            outcomes.fillLength(at: start)
        }
        finishBatch(&outcomes, since: start)
    }

    mutating func runAsync(_ function: BoundFunction) async {
        guard isBatch else {
            var decoder = BinaryDecoder(UnsafeRawBufferPointer(arguments))
            return await function.runAsync(&decoder, outcome: &outcome, stage: { _ in })
        }
        let start = ContinuousClock.now
        var outcomes = BinaryEncoder()
        var items = BinaryDecoder(UnsafeRawBufferPointer(arguments))
        for _ in 0..<itemCount {
            var item = BinaryDecoder(nextItem(of: &items))
            let start = outcomes.reserveLength()
            await function.runAsync(&item, outcome: &outcomes, stage: { _ in })
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

    mutating func takeOutcome() -> Payload {
        .bytes(outcome.takeBytes())
    }
}
