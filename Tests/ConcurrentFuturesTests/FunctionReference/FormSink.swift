/// Something that takes a function and its arguments and comes back with what the function returned, by way of the
/// function's reference: a round trip through bytes in this process, or an executor.
///
/// It has the four shapes of an executor's `submit`, so that a function is put through the same conversions.
protocol FormSink: Sendable {
    func submit<each A: Codable & Sendable, R: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) throws -> R,
        _ arguments: repeat each A
    ) async throws -> R

    func submit<each A: Codable & Sendable, R: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) async throws -> R,
        _ arguments: repeat each A
    ) async throws -> R

    @_disfavoredOverload
    func submit<each A: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) throws -> Void,
        _ arguments: repeat each A
    ) async throws

    @_disfavoredOverload
    func submit<each A: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) async throws -> Void,
        _ arguments: repeat each A
    ) async throws
}
