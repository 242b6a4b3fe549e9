/// A function that a task runs, in one of the four shapes it can have.
///
/// The shapes differ in two things that Swift's type system keeps apart: whether the function is `async`, and whether it
/// returns a value or nothing (`Void` is not `Codable`). Each shape is a generic struct whose only stored property is the
/// closure, because its two words must be read where they lie: passed on as an unconstrained `T`, the closure would be wrapped in
/// another one.
///
/// `submit` is compiled in the caller's module for the types of its call, so that those which the call is made of need not be looked up each time. That is why the
/// shapes can be used from there.
@usableFromInline
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
    @usableFromInline
    func callAsFunction(_ arguments: Arguments) throws -> Output {
        preconditionFailure("an async function is called with call(_:)")
    }

    @usableFromInline
    func call(_ arguments: Arguments) async throws -> Output {
        try self(arguments)
    }
}

extension TaskFunction where Output: Codable {
    @usableFromInline
    static func encode(output: Output, into encoder: inout BinaryEncoder) throws {
        try encoder.encode(output)
    }

    @usableFromInline
    static func decodeOutput(from decoder: inout BinaryDecoder) throws -> Output {
        try decoder.decode(Output.self)
    }
}

extension TaskFunction where Output == Void {
    @usableFromInline
    static func encode(output: Void, into encoder: inout BinaryEncoder) throws {}

    @usableFromInline
    static func decodeOutput(from decoder: inout BinaryDecoder) throws {}
}

@usableFromInline
struct SyncFunction<each Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    @usableFromInline typealias Arguments = (repeat each Argument)

    @usableFromInline let function: @Sendable (repeat each Argument) throws -> Output

    @inlinable
    init(function: @escaping @Sendable (repeat each Argument) throws -> Output) {
        self.function = function
    }

    @usableFromInline
    static var isAsync: Bool { false }

    @usableFromInline
    func callAsFunction(_ arguments: (repeat each Argument)) throws -> Output {
        try function(repeat each arguments)
    }

    @usableFromInline
    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    @usableFromInline
    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}

@usableFromInline
struct AsyncFunction<each Argument: Codable & Sendable, Output: Codable & Sendable>: TaskFunction {
    @usableFromInline typealias Arguments = (repeat each Argument)

    @usableFromInline let function: @Sendable (repeat each Argument) async throws -> Output

    @inlinable
    init(function: @escaping @Sendable (repeat each Argument) async throws -> Output) {
        self.function = function
    }

    @usableFromInline
    static var isAsync: Bool { true }

    @usableFromInline
    func call(_ arguments: (repeat each Argument)) async throws -> Output {
        try await function(repeat each arguments)
    }

    @usableFromInline
    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    @usableFromInline
    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}

@usableFromInline
struct SyncAction<each Argument: Codable & Sendable>: TaskFunction {
    @usableFromInline typealias Arguments = (repeat each Argument)
    @usableFromInline typealias Output = Void

    @usableFromInline let function: @Sendable (repeat each Argument) throws -> Void

    @inlinable
    init(function: @escaping @Sendable (repeat each Argument) throws -> Void) {
        self.function = function
    }

    @usableFromInline
    static var isAsync: Bool { false }

    @usableFromInline
    func callAsFunction(_ arguments: (repeat each Argument)) throws {
        try function(repeat each arguments)
    }

    @usableFromInline
    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    @usableFromInline
    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}

@usableFromInline
struct AsyncAction<each Argument: Codable & Sendable>: TaskFunction {
    @usableFromInline typealias Arguments = (repeat each Argument)
    @usableFromInline typealias Output = Void

    @usableFromInline let function: @Sendable (repeat each Argument) async throws -> Void

    @inlinable
    init(function: @escaping @Sendable (repeat each Argument) async throws -> Void) {
        self.function = function
    }

    @usableFromInline
    static var isAsync: Bool { true }

    @usableFromInline
    func call(_ arguments: (repeat each Argument)) async throws {
        try await function(repeat each arguments)
    }

    @usableFromInline
    static func encode(arguments: (repeat each Argument), into encoder: inout BinaryEncoder) throws {
        for argument in repeat each arguments { try encoder.encode(argument) }
    }

    @usableFromInline
    static func decodeArguments(from decoder: inout BinaryDecoder) throws -> (repeat each Argument) {
        (repeat try decoder.decode((each Argument).self))
    }
}
