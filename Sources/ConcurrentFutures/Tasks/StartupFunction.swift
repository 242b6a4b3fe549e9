// The shapes of a function that prepares a process for tasks. What it returns is dropped there, so it may be of any type.

struct StartupFunction<each Argument: Codable & Sendable, Result>: TaskFunction {
    typealias Arguments = (repeat each Argument)
    typealias Output = Void

    let function: @Sendable (repeat each Argument) throws -> Result

    static var isAsync: Bool { false }

    func callAsFunction(_ arguments: (repeat each Argument)) throws {
        _ = try function(repeat each arguments)
    }

    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}

struct AsyncStartupFunction<each Argument: Codable & Sendable, Result>: TaskFunction {
    typealias Arguments = (repeat each Argument)
    typealias Output = Void

    let function: @Sendable (repeat each Argument) async throws -> Result

    static var isAsync: Bool { true }

    func call(_ arguments: (repeat each Argument)) async throws {
        _ = try await function(repeat each arguments)
    }

    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}
