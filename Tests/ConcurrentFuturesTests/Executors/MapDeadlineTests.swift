import ConcurrentFutures
import Testing

/// The deadline of a map, where its input or its consumer is slow. `TimeLimitTests` has what its items do.
@Suite("The deadline of a map, and who is slow", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct MapDeadlineTests {
    /// Long enough for what is to end in time.
    private let deadline = Duration.seconds(3)

    /// Calls the body for the first result at once, and for the others when the deadline has passed.
    private func iterateSlowly<Output>(
        _ results: MapResults<Output>,
        _ body: (Result<Output, any Error>) throws -> Void
    ) async throws {
        let start = ContinuousClock.now
        var iterator = results.results.makeAsyncIterator()
        while let result = await iterator.next(isolation: #isolation) {
            try body(result)
            if .now - start < deadline { try await Task.sleep(until: start + deadline + .milliseconds(100)) }
        }
    }

    // E6
    @Test("an asynchronous input that stalls is not waited for any longer", arguments: ExecutorKind.allCases)
    func stalledInput(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
            for n in 0..<3 { continuation.yield(n) }
            let outcomes = await pool.map(stream, deadline: .seconds(1), Work.square).results.collect()
            // A pool that has to start its workers first may not have come to all of them.
            let squares = outcomes.dropLast().compactMap { try? $0.get() }
            #expect(squares == Array([0, 1, 4].prefix(outcomes.count - 1)))
            let error = try #require(outcomes.last).error as? PoolError
            #expect(error?.code == .timedOut && error?.message.contains("deadline of the map") == true)
            continuation.finish()
            #expect(try await pool.run(Work.square, 3) == 9)
        }
    }

    // E6
    @Test("a map that ended in time is no failure for being looked at late", arguments: ExecutorKind.concurrent)
    func slowConsumer(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            _ = try await pool.run(Work.answer)
            var squares: [Int] = []
            try await iterateSlowly(pool.map(0..<3, chunkSize: 1, deadline: deadline, Work.square)) {
                squares.append(try $0.get())
            }
            #expect(squares == [0, 1, 4])
        }
    }

    // E5
    @Test("a timeout thrown by the function does not end a map with a deadline", arguments: ExecutorKind.concurrent)
    func timeoutOfFunction(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            _ = try await pool.run(Work.answer)
            var messages: [String] = []
            try await iterateSlowly(pool.map(0..<3, chunkSize: 1, deadline: deadline, Work.timeOut)) { result in
                messages.append((result.error as? PoolError)?.message ?? "no error of a pool")
            }
            #expect(messages == (0..<3).map { "thrown by the function for \($0)" })
        }
    }
}
