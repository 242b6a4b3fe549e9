/// A function with its arguments, ready to run: what a ``PoolExecutor`` is given to do.
///
/// The forms of `submit`, `run` and `map` make these. What wraps an executor, to count or to log, can hand one on as it is.
public struct TaskCall<Output: Sendable>: Sendable {
    @usableFromInline let body: any TaskBody<Output>

    @inlinable
    init(_ body: some TaskBody<Output>) {
        self.body = body
    }

    /// Whether the function is `async`.
    public var isAsync: Bool { body.isAsync }

    /// Calls the function with its arguments, in this process.
    ///
    /// - Returns: what the function returns.
    /// - Throws: what the function throws.
    public nonisolated(nonsending) func run() async throws -> Output {
        // One that is not `async` is called right here, on the caller's executor.
        body.isAsync ? try await body.runAsync() : try body.run()
    }
}

/// What a ``TaskCall`` holds: one call of a function, or a batch of calls that travel together.
///
/// Who reads what comes back knows it by the function alone: so the `Output` of a batch is a `BatchOutcome` of what the function returns, and that of every other
/// body is what the function returns.
@usableFromInline
protocol TaskBody<Output>: LocalBody where ItemOutput == Function.Output {
    associatedtype Function: TaskFunction

    /// Whether the outcome is made of one for each item.
    static var isBatch: Bool { get }
    var function: Function { get }

    func encodeArguments(into encoder: inout BinaryEncoder) throws
    /// What ``encodeArguments(into:)`` writes, if that is one number: so what most short functions take need not pass the layers that serve every type.
    var encodedNumber: SmallBytes? { get }
    /// Names the function and encodes the arguments for a worker. A requirement, because what calls it through the existential copies nothing.
    ///
    /// - Throws: as ``EncodedCall/init(_:options:source:)`` does.
    func encodedForWorker(_ options: TaskOptions) throws(PoolError) -> EncodedCall
}

extension TaskBody {
    @usableFromInline
    var isAsync: Bool { Function.isAsync }

    @usableFromInline
    var encodedNumber: SmallBytes? { nil }

    @usableFromInline
    func encodedForWorker(_ options: TaskOptions) throws(PoolError) -> EncodedCall {
        try EncodedCall(self, options: options, source: ArgumentFiles.shared)
    }
}

/// One call.
@usableFromInline
struct SingleCall<Function: TaskFunction>: TaskBody, SingleBody {
    @usableFromInline typealias Output = Function.Output

    @usableFromInline let function: Function
    @usableFromInline let arguments: Function.Arguments

    @inlinable
    init(function: Function, arguments: Function.Arguments) {
        self.function = function
        self.arguments = arguments
    }

    @usableFromInline static var isBatch: Bool { false }

    @usableFromInline
    func encodeArguments(into encoder: inout BinaryEncoder) throws {
        try Function.encode(arguments: arguments, into: &encoder)
    }

    @usableFromInline
    var encodedNumber: SmallBytes? {
        if Function.Arguments.self == Int.self { return SmallBytes(tagged: sameType(arguments, as: Int.self)) }
        if Function.Arguments.self == Double.self { return SmallBytes(tagged: sameType(arguments, as: Double.self)) }
        return nil
    }

    @usableFromInline
    func runItem(_ index: Int) throws -> Function.Output {
        try function(arguments)
    }

    @usableFromInline
    func runItemAsync(_ index: Int) async throws -> Function.Output {
        try await function.call(arguments)
    }
}

/// Several calls of one function that travel and run together, each with an outcome of its own.
struct BatchCall<Function: TaskFunction>: TaskBody, BatchBody {
    typealias ItemOutput = Function.Output

    let function: Function
    let items: [Function.Arguments]

    static var isBatch: Bool { true }
    var itemCount: Int { items.count }

    /// Each item is preceded by its length, so that one that cannot be decoded does not hide those behind it.
    func encodeArguments(into encoder: inout BinaryEncoder) throws {
        // What stands there is the same either way.
        if Function.Arguments.self == Int.self { return encoder.append(items: sameType(items, as: [Int].self)) }
        if Function.Arguments.self == Double.self { return encoder.append(items: sameType(items, as: [Double].self)) }
        for item in items {
            let start = encoder.reserveLength()
            try Function.encode(arguments: item, into: &encoder)
            encoder.fillLength(at: start)
        }
    }

    func runItem(_ index: Int) throws -> Function.Output {
        try function(items[index])
    }

    func runItemAsync(_ index: Int) async throws -> Function.Output {
        try await function.call(items[index])
    }
}
