/// An error that a task threw in a worker process and whose type is not `Codable`, so that only its description could cross.
public struct RemoteError: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The name of the error's type.
    public let typeName: String
    /// What the error said of itself.
    public let message: String

    /// Creates a description of an error.
    ///
    /// - Parameter error: the error to describe; a `RemoteError` is copied.
    public init(_ error: any Error) {
        if let remote = error as? RemoteError {
            self = remote
        } else {
            typeName = String(reflecting: type(of: error))
            message = String(describing: error)
        }
    }

    /// The type's name and the message.
    public var description: String { "\(typeName): \(message)" }
}
