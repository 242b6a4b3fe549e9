/// How a call ended, as bytes: one byte that says which kind, then the value or the error.
///
/// - `value`: the result, as its `Codable` conformance writes it (nothing for a function that returns nothing).
/// - `error`: an ``ErrorTypeReference`` to the error's type, then the error as its `Codable` conformance writes it.
/// - `cancellation`: a `CancellationError`, which is not `Codable` and carries nothing.
enum Outcome {
    private enum Kind: UInt8 {
        case value = 0
        case error = 1
        case cancellation = 2
    }

    /// Appends a value; if it cannot be encoded, appends that failure in its place.
    static func append<Function: TaskFunction>(
        value: Function.Output,
        of function: Function.Type,
        to encoder: inout BinaryEncoder
    ) {
        let start = encoder.count
        do {
            encoder.append(Kind.value.rawValue)
            try Function.encode(output: value, into: &encoder)
        } catch {
            encoder.truncate(to: start)
            append(
                error: PoolError(
                    .encodingFailed,
                    "the task ran, but its result of type \(Function.Output.self) could not be encoded: \(error)",
                    underlying: error
                ),
                to: &encoder
            )
        }
    }

    /// How many bytes the outcome takes that is a number of that type.
    @inline(__always)
    static func size<Number: BinaryNumber>(of type: Number.Type) -> Int { 2 + MemoryLayout<Number>.size }

    /// Writes an outcome that is a number.
    @inline(__always)
    static func write<Number: BinaryNumber>(_ number: Number, at place: UnsafeMutableRawPointer) {
        place.storeBytes(of: Kind.value.rawValue, as: UInt8.self)
        (place + 1).storeBytes(of: Number.tag, as: UInt8.self)
        (place + 2).storeBytes(of: number, as: Number.self)
    }

    /// Appends an outcome that is a number.
    @inline(__always)
    static func append<Number: BinaryNumber>(number: Number, to encoder: inout BinaryEncoder) {
        encoder.append(Kind.value.rawValue)
        encoder.append(tagged: number)
    }

    /// Reads an outcome that is a number of that type; `nil` if it is anything else.
    @inline(__always)
    static func read<Number: BinaryNumber>(_ type: Number.Type, at place: UnsafeRawPointer) -> Number? {
        guard place.load(as: UInt8.self) == Kind.value.rawValue, (place + 1).load(as: UInt8.self) == Number.tag else {
            return nil
        }
        return (place + 2).loadUnaligned(as: type)
    }

    /// Appends an error as its own type where that is `Codable`, else as a ``RemoteError``.
    static func append(error: any Error, to encoder: inout BinaryEncoder) {
        if error is CancellationError {
            encoder.append(Kind.cancellation.rawValue)
            return
        }
        let start = encoder.count
        if let codable = error as? any Error & Codable {
            do {
                encoder.append(Kind.error.rawValue)
                try encoder.encode(ErrorTypeReference(type(of: codable)))
                try encoder.encode(codable)
                return
            } catch {
                // Its own description still crosses, below.
                encoder.truncate(to: start)
            }
        }
        do {
            encoder.append(Kind.error.rawValue)
            try encoder.encode(ErrorTypeReference(RemoteError.self))
            try encoder.encode(RemoteError(error))
        } catch {
            preconditionFailure("two strings could not be encoded: \(error)")
        }
    }

    /// Whether an encoded outcome is an error that the task has thrown; a cancellation is none.
    static func isError(_ payload: Payload) -> Bool {
        payload.first == Kind.error.rawValue
    }

    static func isError(_ outcome: UnsafeRawBufferPointer) -> Bool {
        outcome.first == Kind.error.rawValue
    }

    /// Reads one outcome.
    static func decode<Function: TaskFunction>(
        of function: Function.Type,
        from decoder: inout BinaryDecoder
    ) -> Result<Function.Output, any Error> {
        do { return .success(try value(of: function, from: &decoder)) } catch { return .failure(error) }
    }

    /// Reads one outcome.
    ///
    /// - Throws: the error, if it is one; ``PoolError`` if it cannot be read.
    static func value<Function: TaskFunction>(
        of function: Function.Type,
        from decoder: inout BinaryDecoder
    ) throws -> Function.Output {
        let thrown: (any Error)?
        do {
            thrown = try decodeError(from: &decoder)
            if thrown == nil {
                let value = try Function.decodeOutput(from: &decoder)
                try checkEnd(decoder)
                return value
            }
            try checkEnd(decoder)
        } catch let error as PoolError {
            throw error
        } catch {
            throw PoolError(
                .decodingFailed,
                "the task ran, but its result of type \(Function.Output.self) could not be decoded: \(error)",
                underlying: error
            )
        }
        throw thrown!
    }

    private static func checkEnd(_ decoder: borrowing BinaryDecoder) throws {
        guard decoder.isAtEnd else {
            throw PoolError(.workerMisbehaved, "the worker sent \(decoder.remaining) bytes behind an outcome")
        }
    }

    /// Reads the beginning of an outcome, and the error if it is one; `nil` if a value follows.
    static func decodeError(from decoder: inout BinaryDecoder) throws -> (any Error)? {
        switch Kind(rawValue: try decoder.readByte()) {
        case .value:
            return nil
        case .cancellation:
            return CancellationError()
        case .error:
            let type = try decoder.decode(ErrorTypeReference.self).resolve()
            return try decoder.decode(type)
        case nil:
            throw PoolError(.workerMisbehaved, "the worker sent an outcome of an unknown kind")
        }
    }
}
