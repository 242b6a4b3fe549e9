/// What the caller of `submit`, `run` or `map` says of a task besides the function and its arguments.
public struct TaskOptions: Sendable {
    /// The file in which the task was submitted, as `#fileID` gives it.
    public var file: StaticString
    /// The line at which the task was submitted.
    public var line: UInt

    /// Creates options; the defaults name the place of the call.
    public init(file: StaticString = #fileID, line: UInt = #line) {
        self.file = file
        self.line = line
    }
}
