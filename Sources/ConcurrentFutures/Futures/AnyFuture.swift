/// A future whose value's type its executor no longer knows.
protocol AnyFuture: AnyObject, Sendable {
    @discardableResult func complete(encoded payload: Payload) -> Bool
    @discardableResult func complete(throwing error: any Error) -> Bool
    @discardableResult func completeCancelled() -> Bool
    /// The error that an encoded outcome holds, of which the future has not been told. Runs user code.
    func error(in payload: Payload) -> (any Error)?
}

extension Future: AnyFuture {}
