/// That a pool's initializer threw, as a worker tells its host: the error in words, then as an ``Outcome``.
///
/// The host's driver needs the words at once, and must not run the code of a user's error: the error itself is made only when somebody
/// asks for it.
struct InitializerFailure {
    /// What was thrown, in words.
    let description: String
    /// What was thrown, made when it is first asked for.
    let error: DeferredError

    static func append(_ error: any Error, to encoder: inout BinaryEncoder) {
        do {
            try encoder.encode(RemoteError(error))
        } catch {
            preconditionFailure("two strings could not be encoded: \(error)")
        }
        Outcome.append(error: error, to: &encoder)
    }

    /// - Throws: `DecodingError` if a worker cannot have written it.
    init(_ payload: Payload) throws {
        let (words, length) = try payload.withUnsafeBytes { bytes in
            var decoder = BinaryDecoder(bytes)
            return (try decoder.decode(RemoteError.self), bytes.count - decoder.remaining)
        }
        description = words.description
        error = DeferredError {
            payload.withUnsafeBytes { bytes in
                var decoder = BinaryDecoder(UnsafeRawBufferPointer(rebasing: bytes[length...]))
                switch Outcome.decode(of: StartupFunction<Void>.self, from: &decoder) {
                case .failure(let error): return error
                case .success: return words
                }
            }
        }
    }
}
