/// Turns the bytes of an outcome into the outcome of a future.
///
/// It runs user code (`init(from:)`), so it is called without locks by whoever first needs the value, never by the
/// thread that completes the future. It does not name the type of the value, which whoever completes the future does not know.
///
/// Unchecked because a class with subclasses has to be; what they hold is constant and `Sendable`.
class OutcomeReader: @unchecked Sendable {
    /// Reads an outcome; an error on the way is the outcome, too.
    ///
    /// - Parameter future: a ``Future`` of what the reader reads. It is given the value, if there is one.
    func read(_ payload: Payload, into future: AnyObject) -> FutureStateMachine.Settlement {
        fatalError("abstract")
    }

    /// The error that the task has thrown; of several, the first.
    func error(in payload: Payload) -> (any Error)? {
        fatalError("abstract")
    }
}
