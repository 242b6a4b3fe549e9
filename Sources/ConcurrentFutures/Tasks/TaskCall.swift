/// A function with its arguments, ready to run: what a ``PoolExecutor`` is given to do.
///
/// The forms of `submit`, `run` and `map` make these. What wraps an executor, to count or to log, can hand one on as it is.
public struct TaskCall<Output: Sendable>: Sendable {
    let body: any TaskBody<Output>

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
protocol TaskBody<Output>: Sendable {
    associatedtype Function: TaskFunction
    associatedtype Output: Sendable

    /// Whether the outcome is made of one for each item.
    static var isBatch: Bool { get }
    var function: Function { get }
    /// In how many parts the outcome comes: one, or one for each item of a batch.
    var itemCount: Int { get }

    func encodeArguments(into encoder: inout BinaryEncoder) throws
    /// Runs it on the current thread; only for functions that are not `async`.
    func run() throws -> Output
    func runAsync() async throws -> Output
    /// Who makes an `Output` of the outcomes that come back from another process.
    static func outcomeDecoder(for function: RegisteredFunction<Function>) -> any OutcomeDecoder<Output>
}

extension TaskBody {
    var isAsync: Bool { Function.isAsync }
}

/// One call.
struct SingleCall<Function: TaskFunction>: TaskBody {
    let function: Function
    let arguments: Function.Arguments

    static var isBatch: Bool { false }
    var itemCount: Int { 1 }

    func encodeArguments(into encoder: inout BinaryEncoder) throws {
        try Function.encode(arguments: arguments, into: &encoder)
    }

    func run() throws -> Function.Output {
        try function(arguments)
    }

    func runAsync() async throws -> Function.Output {
        try await function.call(arguments)
    }

    static func outcomeDecoder(for function: RegisteredFunction<Function>) -> any OutcomeDecoder<Function.Output> {
        function
    }
}

/// The outcomes of a batch, in the order of its items.
struct BatchOutcome<Output: Sendable>: Sendable {
    var results: [Result<Output, any Error>]
    /// How long the items took together.
    var duration: Duration
}

extension BatchOutcome {
    /// Calls a function for each item in this process; those that had not been begun when the batch was cancelled are not.
    init<Item>(of items: [Item], _ function: (Item) throws -> Output) {
        let start = ContinuousClock.now
        let results = items.map { item in
            Task.isCancelled ? .failure(CancellationError()) : Result { try function(item) }
        }
        self.init(results: results, duration: .now - start)
    }

    /// The same for an `async` function.
    init<Item>(of items: [Item], _ function: (Item) async throws -> Output) async {
        let start = ContinuousClock.now
        var results: [Result<Output, any Error>] = []
        results.reserveCapacity(items.count)
        for item in items {
            do {
                try Task.checkCancellation()
                results.append(.success(try await function(item)))
            } catch {
                results.append(.failure(error))
            }
        }
        self.init(results: results, duration: .now - start)
    }
}

/// Several calls of one function that travel and run together, each with an outcome of its own.
struct BatchCall<Function: TaskFunction>: TaskBody {
    let function: Function
    let items: [Function.Arguments]

    static var isBatch: Bool { true }
    var itemCount: Int { items.count }

    /// Each item is preceded by its length, so that one that cannot be decoded does not hide those behind it.
    func encodeArguments(into encoder: inout BinaryEncoder) throws {
        for item in items {
            let start = encoder.reserveLength()
            try Function.encode(arguments: item, into: &encoder)
            encoder.fillLength(at: start)
        }
    }

    func run() throws -> BatchOutcome<Function.Output> {
        BatchOutcome(of: items) { try function($0) }
    }

    func runAsync() async throws -> BatchOutcome<Function.Output> {
        await BatchOutcome(of: items) { try await function.call($0) }
    }

    static func outcomeDecoder(
        for function: RegisteredFunction<Function>
    ) -> any OutcomeDecoder<BatchOutcome<Function.Output>> {
        BatchOutcomeDecoder(function: function)
    }
}
