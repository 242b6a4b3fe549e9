@testable import ConcurrentFutures

extension ReplyHeader {
    /// The header of a sound reply whose payload has so many bytes and stands in the ring.
    init(_ kind: Kind, sequence: UInt64 = 0, payload: Int = 0) {
        self.init()
        length = UInt32(roundedUp(Self.size + payload, to: 8))
        self.kind = kind.rawValue
        self.sequence = sequence
        payloadLength = UInt64(payload)
    }
}
