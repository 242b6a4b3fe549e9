/// A future whose value's type its executor no longer knows.
protocol AnyFuture: AnyObject, Sendable {
    @discardableResult func complete(encoded payload: Payload, by reader: OutcomeReader) -> Bool
    @discardableResult func complete(throwing error: any Error) -> Bool
    @discardableResult func completeCancelled() -> Bool
}

extension Future: AnyFuture {}
