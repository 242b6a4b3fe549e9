/// One call of a function from one number to another, made without the layers that serve every type: see ``NumberCalls``.
struct NumberCall: Sendable {
    enum End {
        /// The function has returned, and its outcome was appended.
        case returned
        /// The function has thrown this, and nothing was appended.
        case threw(any Error)
        /// The argument is not the number; nothing has happened.
        case refused
    }

    private let body: @Sendable (inout BinaryDecoder, inout BinaryEncoder) -> End

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
            guard let argument = arguments.readTagged(Argument.self) else { return .refused }
            do {
                Outcome.append(number: try function(argument), to: &outcome)
                return .returned
            } catch {
                return .threw(error)
            }
        }
    }

    /// Makes the call. What it throws is left to the caller: to encode that is to run the program's own code.
    ///
    /// - Parameter arguments: what the call is made with; what is left of it does not matter.
    func run(_ arguments: inout BinaryDecoder, _ outcome: inout BinaryEncoder) -> End {
        body(&arguments, &outcome)
    }
}
