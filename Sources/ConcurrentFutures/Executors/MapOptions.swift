/// What the caller of `map` says besides the input and the function.
struct MapOptions: Sendable {
    var chunkSize: Int?
    var bufferSize: Int?
    var timeout: Duration?
    var deadline: Duration?
    var retry: RetryPolicy?
    var file: StaticString = #fileID
    var line: UInt = #line

    /// The options of each task of a run that starts now.
    func taskOptionsFromNow() -> TaskOptions {
        TaskOptions(timeout: timeout, deadline: deadline, retry: retry, file: file, line: line)
    }

    /// What is wrong with them, if anything is; what concerns the tasks is said by the tasks' options.
    var defect: PoolError? {
        for (name, value) in [("chunkSize", chunkSize), ("bufferSize", bufferSize)] {
            if let value, value < 1 {
                return PoolError(.invalidConfiguration, "\(file):\(line): \(name) must be at least 1, but is \(value)")
            }
        }
        return nil
    }

    func deadlinePassed(completed: Int) -> PoolError {
        PoolError(
            .timedOut,
            "\(file):\(line): the deadline of the map, \(deadline ?? .zero), has passed after \(completed) of its items; the others are cancelled"
        )
    }
}
