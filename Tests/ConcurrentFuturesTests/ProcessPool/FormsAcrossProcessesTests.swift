import Testing

@testable import ConcurrentFutures

/// Gives functions to a pool, through the protocol as generic code would.
private struct PoolSink: FormSink {
    let pool: any PoolExecutor

    func submit<each A: Codable & Sendable, R: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) throws -> R,
        _ arguments: repeat each A
    ) async throws -> R {
        try await pool.submit(function, repeat each arguments).value
    }

    func submit<each A: Codable & Sendable, R: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) async throws -> R,
        _ arguments: repeat each A
    ) async throws -> R {
        try await pool.submit(function, repeat each arguments).value
    }

    @_disfavoredOverload
    func submit<each A: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) throws -> Void,
        _ arguments: repeat each A
    ) async throws {
        try await pool.submit(function, repeat each arguments).value
    }

    @_disfavoredOverload
    func submit<each A: Codable & Sendable>(
        _ function: @escaping @Sendable (repeat each A) async throws -> Void,
        _ arguments: repeat each A
    ) async throws {
        try await pool.submit(function, repeat each arguments).value
    }
}

@Suite("Functions in another process", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct FormsAcrossProcessesTests {
    static let kinds: [ExecutorKind] = [.inline, .process, .processSpawn]

    // P22
    @Test("every form that captures nothing is called", arguments: kinds)
    func accepted(kind: ExecutorKind) async throws {
        try await kind.with { pool async throws in
            for form in FunctionForm.accepted {
                guard case .returns(let expected) = form.expectation else { continue }
                let result = await Result { try await form.run(PoolSink(pool: pool)) }
                #expect(throws: Never.self, "\(form.name)") { try result.get() }
                #expect((try? result.get()) == expected, "\(form.name)")
            }
        }
    }

    @Test("every form that captures something is refused, with the place of the call", arguments: kinds)
    func refused(kind: ExecutorKind) async throws {
        try await kind.with { pool async throws in
            for form in FunctionForm.refused {
                do {
                    let result = try await form.run(PoolSink(pool: pool))
                    guard case .mayBeRefused(_, let expected) = form.expectation else {
                        Issue.record("\(form.name) was accepted and returned \(result)")
                        continue
                    }
                    #expect(result == expected, "\(form.name)")
                } catch let error as PoolError {
                    #expect(error.code == .capturedValues, "\(form.name)")
                    #expect(error.message.contains("FormsAcrossProcessesTests.swift:"), "\(form.name)")
                }
            }
        }
    }
}

extension Result where Failure == any Error {
    init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
