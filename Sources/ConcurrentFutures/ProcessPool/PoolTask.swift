/// What a pool keeps of a task until it has ended.
struct PoolTask {
    let future: any AnyFuture
    let function: any TaskFunctionName
    let isBatch: Bool
    let itemCount: UInt32
    let options: TaskOptions
    /// The encoded arguments; `nil` while they are in a worker's channel.
    var payload: RequestPayload?
    /// The outcomes of a batch's items, as far as they have come.
    var batch: BatchProgress?
    /// What is to be told if the state machine ends the task without a result.
    var failure: (any Error)?

    /// How much of a channel's room the task takes.
    var cost: Int {
        let size = payload?.count ?? 0
        let inline = size <= ChannelLayout.largestInlinePayload
        // A payload in a file takes little of the ring, but few files may be in a channel.
        return RequestHeader.size + roundedUp(function.definition.count, to: 8)
            + (inline ? roundedUp(size, to: 8) : ChannelLayout.ringSize / RingChannel.mostFilesInFlight)
    }
}

/// The outcomes of a batch's items as they come in, in the form that ``BatchOutcomeDecoder`` reads.
struct BatchProgress {
    private(set) var itemsDone: UInt32 = 0
    private var bytes: [UInt8]
    private static let headerSize = 12

    init() {
        bytes = [UInt8](repeating: 0, count: Self.headerSize)
    }

    mutating func append(_ outcome: Payload) {
        itemsDone += 1
        withUnsafeBytes(of: UInt64(outcome.count)) { bytes.append(contentsOf: $0) }
        outcome.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// Puts an error in the place of the next item's outcome.
    mutating func append(_ error: PoolError) {
        var encoder = BinaryEncoder()
        Outcome.append(error: error, to: &encoder)
        append(.bytes(encoder.takeBytes()))
    }

    /// All outcomes together.
    consuming func payload(nanoseconds: UInt64) -> Payload {
        bytes.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: itemsDone, as: UInt32.self)
            bytes.storeBytes(of: nanoseconds, toByteOffset: 4, as: UInt64.self)
        }
        return .bytes(bytes)
    }
}
