/// A call as bytes, ready to be sent to another process.
///
/// It does not depend on the type of what comes back, which would be looked up again wherever it is handed on.
@usableFromInline
struct EncodedCall: Sendable {
    // There for ever, as is every registered function: so nobody counts references to it.
    unowned(unsafe) let function: TaskFunctionName
    /// Whether the outcomes come item by item.
    let isBatch: Bool
    let itemCount: Int
    /// The arguments; of a batch, those of all items, each behind its length as a UInt64.
    let arguments: RequestPayload

    /// Who reads what comes back.
    var reader: OutcomeReader { function.reader(ofBatch: isBatch) }

    /// Names the function and encodes the arguments.
    ///
    /// - Parameter source: where files for big arguments are from; without it, they stay in this process.
    /// - Throws: ``PoolError`` with the code `capturedValues`, `unsupportedFunction` or `encodingFailed`, naming the place of the call.
    init<Body: TaskBody>(
        _ body: __shared Body,
        options: TaskOptions,
        source: @autoclosure () -> (any WarmFileSource)? = nil
    ) throws(PoolError) {
        if let defect = options.defect { throw defect }
        do {
            function = try TaskFunctionName.of(body.function)
        } catch {
            throw PoolError(refusing: error, options: options)
        }
        isBatch = Body.isBatch
        itemCount = body.itemCount
        if let number = body.encodedNumber {
            arguments = .small(number)
            return
        }
        do {
            arguments = try EncoderCache.withEncoder { encoder in
                encoder.allowAttachments()
                encoder.setSource(source())
                defer { encoder.setSource(nil) }
                try body.encodeArguments(into: &encoder)
                return encoder.takeRequestPayload()
            }
        } catch {
            throw PoolError(
                .encodingFailed,
                """
                \(options.file):\(options.line): the arguments of type \(Body.Function.Arguments.self) could not be \
                encoded: \(error)
                """,
                underlying: error
            )
        }
    }
}

extension PoolError {
    fileprivate init(refusing error: any Error, options: TaskOptions) {
        let code: Code
        if let refusal = error as? FunctionReferenceError, refusal.isCapture {
            code = .capturedValues
        } else {
            code = .unsupportedFunction
        }
        let reason = (error as? FunctionReferenceError)?.message ?? String(describing: error)
        self.init(code, "\(options.file):\(options.line): \(reason)", underlying: error)
    }
}
