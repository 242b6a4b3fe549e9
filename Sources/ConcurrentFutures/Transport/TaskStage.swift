/// What a worker is doing for a task, so that an error can say during what it died.
enum TaskStage: UInt32, Sendable {
    case idle = 0
    case decodingArguments = 1
    case running = 2
    case encodingResult = 3
    /// It runs the pool's initializer, before its first task.
    case initializing = 4
}
