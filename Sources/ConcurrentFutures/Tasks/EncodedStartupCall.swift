/// An initializer or a preload, found fit to be run in another process, and encoded.
struct EncodedStartupCall: Sendable {
    let message: StartupMessage
    private let function: TaskFunctionName
    private let place: String

    /// - Parameter option: what the call was given as.
    /// - Throws: ``PoolError`` with the code `invalidConfiguration` that names the option.
    init(_ body: some TaskBody<Void>, _ options: TaskOptions, as option: String) throws(PoolError) {
        do throws(PoolError) {
            let call = try EncodedCall(body, options: options)
            guard call.arguments.attachments.isEmpty else {
                throw PoolError(
                    .encodingFailed,
                    "\(options.place): a SharedArray cannot be an argument here; it travels with tasks only"
                )
            }
            let count = call.arguments.count
            let arguments = [UInt8](unsafeUninitializedCapacity: count) { bytes, done in
                if let place = bytes.baseAddress { call.arguments.copy(to: place) }
                done = count
            }
            message = StartupMessage(definition: call.function.definition, arguments: arguments)
            function = call.function
            place = options.place
        } catch {
            throw PoolError(.invalidConfiguration, "\(option): \(error.message)", underlying: error)
        }
    }

    /// For error messages; slow.
    var displayName: String { "\(function.displayName), given at \(place)" }
}

/// An initializer or a preload as it travels to the process that runs it.
struct StartupMessage: Codable, Sendable {
    /// A ``FunctionDefinition``, encoded.
    let definition: [UInt8]
    let arguments: [UInt8]

    /// Calls a function that is not `async`.
    ///
    /// - Throws: what the function throws; another error if this process does not have it.
    func run() throws {
        let function = try function()
        try call(function)
    }

    /// The same for a function of either kind.
    func runAsync() async throws {
        let function = try function()
        try await callAsync(function)
    }

    private func call<Function: TaskFunction>(_ function: Function) throws {
        _ = try function(decodeArguments(of: Function.self))
    }

    private func callAsync<Function: TaskFunction>(_ function: Function) async throws {
        _ = try await function.call(decodeArguments(of: Function.self))
    }

    private func function() throws -> any TaskFunction {
        try definition.withUnsafeBytes { try FunctionDefinition.function(in: $0) }
    }

    private func decodeArguments<Function: TaskFunction>(of function: Function.Type) throws -> Function.Arguments {
        try arguments.withUnsafeBytes { bytes in
            var decoder = BinaryDecoder(bytes)
            return try Function.decodeArguments(from: &decoder)
        }
    }
}
