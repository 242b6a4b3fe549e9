/// One call of a function from one number to another, made without the layers that serve every type: see ``NumberCalls``.
struct NumberCall: Sendable {
    private let body: @Sendable (inout BinaryDecoder, inout BinaryEncoder) -> Bool

    /// The calls of a function; `nil` if it is not of a kind that is worth code of its own.
    init?(of function: some TaskFunction) {
        switch function {
        case let function as SyncFunction<Int, Int>: self.init(calling: function.function)
        case let function as SyncFunction<Int, Double>: self.init(calling: function.function)
        case let function as SyncFunction<Double, Int>: self.init(calling: function.function)
        case let function as SyncFunction<Double, Double>: self.init(calling: function.function)
        default: return nil
        }
    }

    // As with `NumberCalls`: always a part of the initializer above.
    @inline(__always)
    private init<Argument: BinaryNumber & SendableMetatype, Output: BinaryNumber & SendableMetatype>(
        calling function: @escaping @Sendable (Argument) throws -> Output
    ) {
        body = { arguments, outcome in
            guard let argument = arguments.readTagged(Argument.self) else { return false }
            do {
                Outcome.append(number: try function(argument), to: &outcome)
            } catch {
                Outcome.append(error: error, to: &outcome)
            }
            return true
        }
    }

    /// Makes the call and appends its outcome.
    ///
    /// - Parameter arguments: what the call is made with; what is left of it does not matter.
    /// - Returns: `false`, and nothing has happened, if that is not the number.
    func run(_ arguments: inout BinaryDecoder, _ outcome: inout BinaryEncoder) -> Bool {
        body(&arguments, &outcome)
    }
}
