/// A function that a task runs, in one of the four shapes it can have.
///
/// The shapes differ in two things that Swift's type system keeps apart: whether the function is `async`, and whether it
/// returns a value or nothing (`Void` is not `Codable`). Each shape is a generic struct whose only stored property is the
/// closure, because its two words must be read where they lie: passed on as an unconstrained `T`, the closure would be wrapped in
/// another one.
protocol TaskFunction: Sendable {
    /// All arguments as a tuple; with one argument, that argument's type.
    associatedtype Arguments: Sendable
    associatedtype Output: Sendable

    static var isAsync: Bool { get }

    /// Calls the function on the current thread; only for shapes that are not `async`.
    func callAsFunction(_ arguments: Arguments) throws -> Output
    /// Calls the function, whatever its shape.
    func call(_ arguments: Arguments) async throws -> Output

    static func encode(arguments: Arguments, into encoder: inout BinaryEncoder) throws
    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> Arguments
    static func encode(output: Output, into encoder: inout BinaryEncoder) throws
    static func decodeOutput(from decoder: inout BinaryDecoder) throws -> Output
}

// What the shapes have in common. Each overrides one of the two calls.

extension TaskFunction {
    func callAsFunction(_ arguments: Arguments) throws -> Output {
        preconditionFailure("an async function is called with call(_:)")
    }

    func call(_ arguments: Arguments) async throws -> Output {
        try self(arguments)
    }
}

extension TaskFunction where Output: Codable {
    static func encode(output: Output, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(output)
    }

    static func decodeOutput(from decoder: inout BinaryDecoder) throws -> Output {
        try decoder.decode(Output.self)
    }
}

extension TaskFunction where Output == Void {
    static func encode(output: Void, into encoder: inout BinaryEncoder) throws {}

    static func decodeOutput(from decoder: inout BinaryDecoder) throws {}
}

struct SyncFunction<each Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    typealias Arguments = (repeat each Argument)

    let function: @Sendable (repeat each Argument) throws -> Output

    static var isAsync: Bool { false }

    func callAsFunction(_ arguments: (repeat each Argument)) throws -> Output {
        try function(repeat each arguments)
    }

    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}

struct AsyncFunction<each Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    typealias Arguments = (repeat each Argument)

    let function: @Sendable (repeat each Argument) async throws -> Output

    static var isAsync: Bool { true }

    func call(_ arguments: (repeat each Argument)) async throws -> Output {
        try await function(repeat each arguments)
    }

    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}

struct SyncAction<each Argument: Codable & Sendable>: TaskFunction {
    typealias Arguments = (repeat each Argument)
    typealias Output = Void

    let function: @Sendable (repeat each Argument) throws -> Void

    static var isAsync: Bool { false }

    func callAsFunction(_ arguments: (repeat each Argument)) throws {
        try function(repeat each arguments)
    }

    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}

struct AsyncAction<each Argument: Codable & Sendable>: TaskFunction {
    typealias Arguments = (repeat each Argument)
    typealias Output = Void

    let function: @Sendable (repeat each Argument) async throws -> Void

    static var isAsync: Bool { true }

    func call(_ arguments: (repeat each Argument)) async throws {
        try await function(repeat each arguments)
    }

    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}
