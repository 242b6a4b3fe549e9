@testable import ConcurrentFutures

extension OutgoingRequest {
    /// A call of whatever function has the number 0.
    static func ofOneByte(isUrgent: Bool) -> OutgoingRequest {
        OutgoingRequest(
            functionNumber: 0,
            definition: [],
            isBatch: false,
            itemCount: 1,
            firstItem: 0,
            attempt: 1,
            isUrgent: isUrgent,
            payload: .bytes([1])
        )
    }
}
