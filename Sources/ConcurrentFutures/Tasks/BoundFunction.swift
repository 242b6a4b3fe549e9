/// A function that another process named, found in this one and ready to be called: what a worker keeps for each function.
///
/// Unchecked because a class with a subclass has to be; what the two hold is constant and `Sendable`.
class BoundFunction: @unchecked Sendable {
    let isAsync: Bool

    /// For many calls in a row, if it is of a kind that has them.
    let numberCalls: NumberCalls?

    fileprivate init(isAsync: Bool, numberCalls: NumberCalls?) {
        self.isAsync = isAsync
        self.numberCalls = numberCalls
    }

    /// Finds the function that an encoded ``FunctionDefinition`` names.
    ///
    /// - Throws: ``FunctionReferenceError`` or `DecodingError` if this process has no such function.
    static func find(definition: UnsafeRawBufferPointer) throws -> BoundFunction {
        func bind<Function: TaskFunction>(_ function: Function) -> BoundFunction { BoundFunctionOf(function) }
        return bind(try FunctionDefinition.function(in: definition))
    }

    /// Decodes one call's arguments, calls the function on this thread and appends the ``Outcome``; only if it is not `async`.
    func run(_ arguments: inout BinaryDecoder, outcome: inout BinaryEncoder, stage: (TaskStage) -> Void) {
        fatalError("abstract")
    }

    /// The same for a function of either kind.
    func runAsync(
        _ arguments: inout BinaryDecoder,
        outcome: inout BinaryEncoder,
        stage: (TaskStage) -> Void
    ) async {
        fatalError("abstract")
    }
}

extension FunctionDefinition {
    /// The function that an encoded definition names, as this process has it.
    ///
    /// - Throws: ``FunctionReferenceError`` or `DecodingError` if this process has no such function.
    static func function(in bytes: UnsafeRawBufferPointer) throws -> any TaskFunction {
        var decoder = BinaryDecoder(bytes)
        let definition = try decoder.decode(FunctionDefinition.self)
        let shape = try definition.shape.resolve()
        guard let functionType = shape as? any TaskFunction.Type else {
            throw PoolError(.unsupportedFunction, "\(shape) is not a shape of a task's function")
        }
        let words = try definition.reference.closureWords()
        func hold<Function: TaskFunction>(_ type: Function.Type) -> any TaskFunction { words.holder(as: type) }
        return hold(functionType)
    }
}

private final class BoundFunctionOf<Function: TaskFunction>: BoundFunction, @unchecked Sendable {
    private let function: Function
    /// Asked for here, so that a fork server which finds a function has its workers find its types, too.
    private let types: (arguments: Any.Type, output: Any.Type)
    private let numberCall: NumberCall?

    init(_ function: Function) {
        self.function = function
        numberCall = NumberCall(of: function)
        types = (Function.Arguments.self, Function.Output.self)
        super.init(isAsync: Function.isAsync, numberCalls: NumberCalls(of: function))
    }

    override func run(_ arguments: inout BinaryDecoder, outcome: inout BinaryEncoder, stage: (TaskStage) -> Void) {
        if let numberCall {
            stage(.running)
            switch numberCall.run(&arguments, &outcome) {
            case .returned: return
            case .threw(let error):
                stage(.encodingResult)
                return Outcome.append(error: error, to: &outcome)
            case .refused: break
            }
        }
        stage(.decodingArguments)
        let decoded: Function.Arguments
        // Each in place, rather than an optional of some type, whose own type would be looked up for each call.
        do { decoded = try Function.decodeArguments(from: &arguments) } catch {
            return append(decodingFailure: error, to: &outcome)
        }
        stage(.running)
        do {
            let output = try function(decoded)
            stage(.encodingResult)
            Outcome.append(value: output, of: Function.self, to: &outcome)
        } catch {
            stage(.encodingResult)
            Outcome.append(error: error, to: &outcome)
        }
    }

    override func runAsync(
        _ arguments: inout BinaryDecoder,
        outcome: inout BinaryEncoder,
        stage: (TaskStage) -> Void
    ) async {
        stage(.decodingArguments)
        let decoded: Function.Arguments
        // Each in place, rather than an optional of some type, whose own type would be looked up for each call.
        do { decoded = try Function.decodeArguments(from: &arguments) } catch {
            return append(decodingFailure: error, to: &outcome)
        }
        stage(.running)
        do {
            let output = try await function.call(decoded)
            stage(.encodingResult)
            Outcome.append(value: output, of: Function.self, to: &outcome)
        } catch {
            stage(.encodingResult)
            Outcome.append(error: error, to: &outcome)
        }
    }

    private func append(decodingFailure error: any Error, to outcome: inout BinaryEncoder) {
        if let shortage = error as? PoolError, shortage.code == .resourcesExhausted {
            return Outcome.append(error: shortage, to: &outcome)
        }
        Outcome.append(
            error: PoolError(
                .decodingFailed,
                "the arguments of type \(types.arguments) could not be decoded in the worker: \(error)",
                underlying: error
            ),
            to: &outcome
        )
    }
}
