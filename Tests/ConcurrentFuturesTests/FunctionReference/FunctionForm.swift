import Testing

/// A way to write a function that is given to an executor, and what must become of it.
struct FunctionForm: Sendable, CustomTestStringConvertible {
    enum Expectation: Sendable {
        /// The function's result, as text.
        case returns(String)
        /// The function captures something.
        case isRefused(FunctionFormRefusal)
        /// The optimizer may turn the captured value into a constant: then it returns this, else it is refused.
        case mayBeRefused(FunctionFormRefusal, else: String)
    }

    let name: String
    let expectation: Expectation
    let run: @Sendable (any FormSink) async throws -> String

    var testDescription: String { name }

    static func accepts(
        _ name: String,
        _ result: some Sendable,
        _ run: @escaping @Sendable (any FormSink) async throws -> some Sendable
    ) -> FunctionForm {
        FunctionForm(name: name, expectation: .returns("\(result)")) { "\(try await run($0))" }
    }

    static func refuses(
        _ name: String,
        _ refusal: FunctionFormRefusal = .value,
        _ run: @escaping @Sendable (any FormSink) async throws -> some Sendable
    ) -> FunctionForm {
        FunctionForm(name: name, expectation: .isRefused(refusal)) { "\(try await run($0))" }
    }

    static func mayRefuse(
        _ name: String,
        _ refusal: FunctionFormRefusal = .value,
        _ result: some Sendable,
        _ run: @escaping @Sendable (any FormSink) async throws -> some Sendable
    ) -> FunctionForm {
        FunctionForm(name: name, expectation: .mayBeRefused(refusal, else: "\(result)")) { "\(try await run($0))" }
    }
}

/// The kinds of refusal that a form can expect.
enum FunctionFormRefusal: Sendable {
    case value
    case genericBindings
    case foreignFunction
}
