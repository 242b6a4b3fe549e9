// The shapes of a function that `map` calls: of one argument, without a parameter pack. A `map` knows the type of its argument as
// that of a sequence's element, and a function of that type put into a pack's shape would be wrapped in a closure with generic
// bindings, which cannot be named in another process.

struct MappedFunction<Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    typealias Arguments = Argument

    let function: @Sendable (Argument) throws -> Output

    static var isAsync: Bool { false }

    func callAsFunction(_ argument: Argument) throws -> Output {
        try function(argument)
    }

    static func encode(arguments argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }
}

struct AsyncMappedFunction<Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    typealias Arguments = Argument

    let function: @Sendable (Argument) async throws -> Output

    static var isAsync: Bool { true }

    func call(_ argument: Argument) async throws -> Output {
        try await function(argument)
    }

    static func encode(arguments argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }
}

struct MappedAction<Argument: Codable & Sendable>: TaskFunction {
    typealias Arguments = Argument
    typealias Output = Void

    let function: @Sendable (Argument) throws -> Void

    static var isAsync: Bool { false }

    func callAsFunction(_ argument: Argument) throws {
        try function(argument)
    }

    static func encode(arguments argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }
}

struct AsyncMappedAction<Argument: Codable & Sendable>: TaskFunction {
    typealias Arguments = Argument
    typealias Output = Void

    let function: @Sendable (Argument) async throws -> Void

    static var isAsync: Bool { true }

    func call(_ argument: Argument) async throws {
        try await function(argument)
    }

    static func encode(arguments argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }
}
