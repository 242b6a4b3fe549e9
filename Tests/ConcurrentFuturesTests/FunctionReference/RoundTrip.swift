import Foundation

@testable import ConcurrentFutures

struct SyncFunction<each A: Codable & Sendable, R: Codable & Sendable>: Sendable {
    let function: @Sendable (repeat each A) throws -> R
}

struct AsyncFunction<each A: Codable & Sendable, R: Codable & Sendable>: Sendable {
    let function: @Sendable (repeat each A) async throws -> R
}

struct SyncAction<each A: Codable & Sendable>: Sendable {
    let function: @Sendable (repeat each A) throws -> Void
}

struct AsyncAction<each A: Codable & Sendable>: Sendable {
    let function: @Sendable (repeat each A) async throws -> Void
}

/// Takes a function apart, writes it as JSON, and calls what was read back.
struct RoundTrip: FormSink {
    private struct Message: Codable {
        let type: TypeReference
        let function: FunctionReference
    }

    static func bytes<Holder>(_ holder: Holder, isAsync: Bool) throws -> Data {
        let chain = try ClosureChain(heldBy: holder, isAsync: isAsync)
        return try JSONEncoder().encode(
            Message(type: TypeReference(Holder.self), function: FunctionReference(chain))
        )
    }

    private func copy<Holder>(_ holder: Holder, isAsync: Bool) throws -> Holder {
        let message = try JSONDecoder().decode(Message.self, from: Self.bytes(holder, isAsync: isAsync))
        guard try message.type.resolve() == Holder.self else { throw CocoaError(.coderInvalidValue) }
        let words = try message.function.closureWords()
        // The first copy's end must not free what the words still refer to.
        _ = words.holder(as: Holder.self)
        return words.holder(as: Holder.self)
    }

    func submit<each A: Codable & Sendable, R: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) throws -> R,
        _ arguments: repeat each A
    ) async throws -> R {
        try copy(SyncFunction(function: function), isAsync: false).function(repeat each arguments)
    }

    func submit<each A: Codable & Sendable, R: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) async throws -> R,
        _ arguments: repeat each A
    ) async throws -> R {
        try await copy(AsyncFunction(function: function), isAsync: true).function(repeat each arguments)
    }

    func submit<each A: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) throws -> Void,
        _ arguments: repeat each A
    ) async throws {
        try copy(SyncAction(function: function), isAsync: false).function(repeat each arguments)
    }

    func submit<each A: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) async throws -> Void,
        _ arguments: repeat each A
    ) async throws {
        try await copy(AsyncAction(function: function), isAsync: true).function(repeat each arguments)
    }
}
