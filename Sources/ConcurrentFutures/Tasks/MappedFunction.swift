// The shapes of a function that `map` calls: of one argument, without a parameter pack. A `map` knows the type of its argument as
// that of a sequence's element, and a function of that type put into a pack's shape would be wrapped in a closure with generic
// bindings, which cannot be named in another process.

struct MappedFunction<Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    let function: @Sendable (Argument) throws -> Output

    static var isAsync: Bool { false }

    func callAsFunction(_ argument: Argument) throws -> Output {
        try function(argument)
    }

    func call(_ argument: Argument) async throws -> Output {
        try function(argument)
    }

    static func encode(_ argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }

    static func encode(_ output: Output, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(output)
    }

    static func decodeOutput(from decoder: inout BinaryDecoder) throws -> Output {
        try decoder.decode(Output.self)
    }
}

struct AsyncMappedFunction<Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    let function: @Sendable (Argument) async throws -> Output

    static var isAsync: Bool { true }

    func callAsFunction(_ argument: Argument) throws -> Output {
        preconditionFailure("an async function is called with call(_:)")
    }

    func call(_ argument: Argument) async throws -> Output {
        try await function(argument)
    }

    static func encode(_ argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }

    static func encode(_ output: Output, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(output)
    }

    static func decodeOutput(from decoder: inout BinaryDecoder) throws -> Output {
        try decoder.decode(Output.self)
    }
}

struct MappedAction<Argument: Codable & Sendable>: TaskFunction {
    let function: @Sendable (Argument) throws -> Void

    static var isAsync: Bool { false }

    func callAsFunction(_ argument: Argument) throws {
        try function(argument)
    }

    func call(_ argument: Argument) async throws {
        try function(argument)
    }

    static func encode(_ argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }

    static func encode(_ output: Void, into encoder: inout BinaryEncoder) throws {}

    static func decodeOutput(from decoder: inout BinaryDecoder) throws {}
}

struct AsyncMappedAction<Argument: Codable & Sendable>: TaskFunction {
    let function: @Sendable (Argument) async throws -> Void

    static var isAsync: Bool { true }

    func callAsFunction(_ argument: Argument) throws {
        preconditionFailure("an async function is called with call(_:)")
    }

    func call(_ argument: Argument) async throws {
        try await function(argument)
    }

    static func encode(_ argument: Argument, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(argument)
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Argument {
        try decoder.decode(Argument.self)
    }

    static func encode(_ output: Void, into encoder: inout BinaryEncoder) throws {}

    static func decodeOutput(from decoder: inout BinaryDecoder) throws {}
}
