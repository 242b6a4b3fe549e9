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

// `submit` of a pool whose type is known is compiled where it is called, for the types of the call: then the optimizer sees the function and what becomes of it
// at once.
@Suite("Functions given to a pool of known type", .fewAtOnce, .timeLimit(.minutes(5)))
struct FormsOfKnownTypeTests {
    // P22
    @Test("forms that capture nothing are called by a submit that is compiled for them")
    func accepted() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.submit({ $0 * 3 }, 5).value == 15)
            #expect(try await pool.submit({ 7 }).value == 7)
            #expect(try await pool.submit({ "\($0)\($1)\($2)" }, 1, "a", [2.5]).value == "1a[2.5]")
            #expect(try await pool.submit({ (n: Int) async throws in n + 1 }, 1).value == 2)
            #expect(try await pool.submit(tripled, 4).value == 12)
            #expect(try await pool.submit(Scaling.scaled, Scaling(number: 4)).value == Scaling(number: 8))
            #expect(try await pool.submit(repeated, "a").value == ["a", "a"])
            #expect(try await pool.submit(repeated, [1]).value == [[1], [1]])
            @Sendable func local(_ n: Int) -> Int { n - 1 }
            #expect(try await pool.submit(local, 4).value == 3)
            let stored: @Sendable (Int) -> Int = { $0 + 10 }
            #expect(try await pool.submit(stored, 4).value == 14)
            try await pool.submit({ (_: Int) in }, 4).value
            try await pool.submit({ (_: Int) async in }, 4).value
            let error = await #expect(throws: Refused.self) { try await pool.submit(refuse, 4).value }
            #expect(error == Refused(number: 4))
        }
    }

    @Test("forms that capture something are refused by a submit that is compiled for them")
    func refused() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let number = opaque(3)
            let text = opaque("a")
            let scaling = opaque(Scaling(number: 2))
            let futures: [Future<Int>] = [
                pool.submit({ $0 * number }, 5),
                pool.submit({ number }),
                pool.submit({ (n: Int) async in n + text.count }, 1),
                pool.submit({ $0 + scaling.number + text.count }, 1),
                pool.submit({ scaling.times($0) }, 4),
            ]
            for (index, future) in futures.enumerated() {
                let error = await #expect(throws: PoolError.self, "\(index)") { try await future.value }
                #expect(error?.code == .capturedValues, "\(index)")
                #expect(error?.message.contains("FormsAcrossProcessesTests.swift:") == true, "\(index)")
            }
            // And the pool is as good as before.
            #expect(try await pool.submit({ $0 * 3 }, 5).value == 15)
        }
    }
}

private func tripled(_ n: Int) -> Int { n * 3 }
private func repeated<Element>(_ element: Element) -> [Element] { [element, element] }
private func refuse(_ n: Int) throws -> Int { throw Refused(number: n) }

private struct Refused: Error, Codable, Equatable { var number: Int }

private struct Scaling: Codable, Sendable, Equatable {
    var number: Int

    static func scaled(_ scaling: Scaling) -> Scaling { Scaling(number: scaling.number * 2) }
    func times(_ n: Int) -> Int { number * n }
}

extension Result where Failure == any Error {
    init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
