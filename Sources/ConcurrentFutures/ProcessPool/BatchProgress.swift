/// The outcomes of a batch's items as they come in.
///
/// A class, so that it takes one word of a task that is no batch. It changes under the pool's lock, and no more once its task has ended: that is what
/// the unchecked conformance rests on.
final class BatchProgress: @unchecked Sendable {
    private var parts: [BatchPart] = []
    /// Whether there is an outcome that is not in this process's own memory, or has files.
    private var areApart = false
    private(set) var itemsDone: UInt32 = 0
    /// Whether the last item's outcome is an error.
    private(set) var lastHasThrown = false

    func append(_ outcome: Payload) {
        parts.append(.one(outcome))
        if !outcome.isAtHand { areApart = true }
        itemsDone += 1
        lastHasThrown = Outcome.isError(outcome)
    }

    func append(_ outcomes: ItemOutcomes) {
        parts.append(.several(outcomes.payload))
        itemsDone += UInt32(outcomes.count)
        lastHasThrown = outcomes.lastHasThrown
    }

    /// Puts an error in the place of the next item's outcome.
    func append(_ error: any Error) {
        var encoder = BinaryEncoder()
        Outcome.append(error: error, to: &encoder)
        append(.bytes(encoder.takeBytes()))
    }

    /// All outcomes together, in a form that ``BatchOutcomeReader`` reads. Copies them unless they are better left where they are, so it is not for
    /// a lock.
    func payload(nanoseconds: UInt64) -> Payload {
        if areApart { return .batch(parts, nanoseconds: nanoseconds) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(12) { $0 + $1.size })
        withUnsafeBytes(of: itemsDone) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: nanoseconds) { bytes.append(contentsOf: $0) }
        for part in parts {
            switch part {
            case .one(let outcome):
                withUnsafeBytes(of: UInt64(outcome.count)) { bytes.append(contentsOf: $0) }
                outcome.withUnsafeBytes { bytes.append(contentsOf: $0) }
            case .several(let outcomes):
                outcomes.withUnsafeBytes { bytes.append(contentsOf: $0) }
            }
        }
        return .bytes(bytes)
    }
}
