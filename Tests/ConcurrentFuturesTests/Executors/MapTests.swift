import ConcurrentFutures
import Foundation
import Synchronization
import Testing

/// Every executor with every size of chunk.
private let combinations = ExecutorKind.allCases.flatMap { kind in
    [1, 6, 50, 1000, nil].map { (kind, $0) }
}

@Suite(.fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct MapTests {
    // E2
    @Test("map equals the sequential map", arguments: combinations)
    func equalsSequential(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            let squares = try await pool.map(0..<100, chunkSize: chunkSize, Work.square).collect()
            #expect(squares == (0..<100).map(Work.square))
            let later = try await pool.map(0..<100, chunkSize: chunkSize, Work.squareLater).collect()
            #expect(later == squares)
            let texts = try await pool.map(["a", "b"], chunkSize: chunkSize) { $0 + "!" }.collect()
            #expect(texts == ["a!", "b!"])
            let doubles = try await pool.map(1...10, chunkSize: chunkSize) { n in await Task { n * 2 }.value }.collect()
            #expect(doubles == (1...10).map { $0 * 2 })
        }
    }

    // E2, E10
    @Test("the unordered map gives each result once", arguments: combinations)
    func unordered(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            let squares = try await pool.mapUnordered(0..<100, chunkSize: chunkSize, Work.square).collect()
            #expect(squares.sorted() == (0..<100).map(Work.square))
            let later = try await pool.mapUnordered(numbers(100), chunkSize: chunkSize, Work.squareLater).collect()
            #expect(later.sorted() == squares.sorted())
        }
    }

    // E10
    @Test("the unordered map gives first what ends first", arguments: ExecutorKind.concurrent)
    func unorderedOrder(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await kind.with(maxWorkers: 2) { pool in
            var names: [String] = []
            let calls = ["slow", "quick 1", "quick 2"].map { GatedCall(gate: gate, name: $0) }
            for try await name in pool.mapUnordered(calls, chunkSize: 1, { try $0.passIfSlow() }) {
                names.append(name)
                if names.count == 2 { try gate.release() }
            }
            #expect(names.last == "slow")
        }
    }

    // E2
    @Test("functions that return nothing are mapped", arguments: ExecutorKind.allCases)
    func noResult(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        try await kind.with { pool in
            let paths = (0..<5).map { directory.file("\($0)") }
            try await pool.map(paths, Work.touch).collect()
            for try await _ in pool.mapUnordered(paths.map { $0 + "-later" }, Work.touchLater) {}
        }
        #expect((0..<5).allSatisfy { directory.has("\($0)") && directory.has("\($0)-later") })
    }

    // E3
    @Test("an empty input gives nothing", arguments: combinations)
    func emptyInput(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            let squares = try await pool.map([], chunkSize: chunkSize, Work.square).collect()
            #expect(squares.isEmpty)
            let outcomes = await pool.mapUnordered(numbers(0), chunkSize: chunkSize, Work.square).results.collect()
            #expect(outcomes.isEmpty)
        }
    }

    // E3
    @Test("an infinite input is read as far as it is needed", arguments: combinations)
    func infiniteInput(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            var sum = 0
            for try await square in pool.map(sequence(first: 0) { $0 + 1 }, chunkSize: chunkSize, Work.square) {
                sum += square
                if square >= 100 { break }
            }
            #expect(sum == (0...10).reduce(0) { $0 + $1 * $1 })
        }
    }

    // E3
    @Test("an asynchronous input is mapped", arguments: combinations)
    func asyncInput(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            let squares = try await pool.map(numbers(100), chunkSize: chunkSize, Work.square).collect()
            #expect(squares == (0..<100).map(Work.square))
        }
    }

    // E4
    @Test("map ends at the first error, in its place", arguments: combinations)
    func firstError(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            var squares: [Int] = []
            var iterator = pool.map(0..<20, chunkSize: chunkSize, Work.squareUnlessSeven).makeAsyncIterator()
            let error = await #expect(throws: Refusal.self) {
                while let square = try await iterator.next(isolation: #isolation) { squares.append(square) }
            }
            #expect(error == Refusal(number: 7))
            #expect(squares == (0..<7).map(Work.square))
            let rest = try await iterator.next(isolation: #isolation)
            #expect(rest == nil)
        }
    }

    // E4
    @Test("the outcomes of a map go on after an error", arguments: combinations)
    func outcomes(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            let outcomes = await pool.map(0..<20, chunkSize: chunkSize, Work.squareUnlessSeven).results.collect()
            #expect(outcomes.count == 20)
            for (n, outcome) in outcomes.enumerated() {
                switch outcome {
                case .success(let square): #expect(n != 7 && square == n * n)
                case .failure(let error): #expect(error as? Refusal == Refusal(number: n) && n == 7)
                }
            }
        }
    }

    // E5
    @Test("a timeout thrown by the function is just its error", arguments: ExecutorKind.allCases)
    func timeoutOfFunction(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let error = await #expect(throws: PoolError.self) { try await pool.map(0..<3, Work.timeOut).collect() }
            #expect(error?.message == "thrown by the function for 0")
            let outcomes = await pool.map(0..<3, Work.timeOut).results.collect()
            #expect(outcomes.count == 3)
        }
    }

    // E6
    @Test("a map that has no end ends at its deadline, with what it had before", arguments: combinations)
    func deadlineOfEndless(kind: ExecutorKind, chunkSize: Int?) async throws {
        try await kind.with { pool in
            let numbers = sequence(first: 0) { $0 + 1 }
            var outcomes = await pool.map(numbers, chunkSize: chunkSize, deadline: .milliseconds(50), Work.square)
                .results.collect()
            guard case .failure(let error as PoolError)? = outcomes.popLast() else {
                Issue.record("it did not end with a PoolError")
                return
            }
            #expect(error.code == .timedOut && error.message.contains("MapTests.swift"))
            for (n, outcome) in outcomes.enumerated() {
                let square = try outcome.get()
                guard square == n * n else {
                    Issue.record("\(square) is in the place of \(n)'s square")
                    return
                }
            }
            let thrown = await #expect(throws: PoolError.self) {
                for try await _ in pool.mapUnordered(numbers, deadline: .milliseconds(50), Work.squareLater) {}
            }
            #expect(thrown?.code == .timedOut)
        }
    }

    // E6
    @Test(
        "at its deadline a map ends although a call runs, and the others never begin",
        arguments: ExecutorKind.concurrent
    )
    func deadlineOfRunning(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await kind.with(maxWorkers: 1) { pool in
            let calls = ["slow", "never 1", "never 2"].map { GatedCall(gate: gate, name: $0) }
            let outcomes = await pool.map(calls, chunkSize: 1, bufferSize: 3, deadline: .milliseconds(300)) {
                try $0.markThenPassIfSlow()
            }.results.collect()
            guard outcomes.count == 1, case .failure(let error as PoolError) = outcomes[0] else {
                Issue.record("\(outcomes)")
                return
            }
            #expect(error.code == .timedOut)
            try gate.release()
        }
        #expect(!gate.hasBegun("never 1") && !gate.hasBegun("never 2"))
    }

    // E7
    @Test("leaving the loop cancels what has not started", arguments: ExecutorKind.concurrent)
    func leavingTheLoop(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await kind.with(maxWorkers: 1) { pool in
            let calls = ["quick", "slow", "never 1", "never 2"].map { GatedCall(gate: gate, name: $0) }
            for try await name in pool.map(calls, chunkSize: 1, bufferSize: 4, { try $0.markThenPassIfSlow() }) {
                #expect(name == "quick")
                #expect(await becomesTrue { gate.hasBegun("slow") })
                break
            }
            try gate.release()
        }
        #expect(!gate.hasBegun("never 1") && !gate.hasBegun("never 2"))
    }

    // E7
    @Test("cancelling the consuming task ends the map", arguments: ExecutorKind.concurrent)
    func cancelledConsumer(kind: ExecutorKind) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let pool = try kind.make(maxWorkers: 1)
        let consumer = Task {
            let calls = ["slow", "never"].map { GatedCall(gate: gate, name: $0) }
            return try await pool.map(calls, chunkSize: 1, bufferSize: 2) { try $0.markThenPassIfSlow() }.collect()
        }
        #expect(await becomesTrue { gate.hasBegun("slow") })
        consumer.cancel()
        await #expect(throws: CancellationError.self) { try await consumer.value }
        try gate.release()
        await pool.shutdown()
        #expect(!gate.hasBegun("never"))
    }

    // E8
    @Test("the buffer bounds exactly how far the input is read ahead", arguments: ExecutorKind.allCases, [1, 4, 10])
    func bufferBound(kind: ExecutorKind, bufferSize: Int) async throws {
        try await kind.with { pool in
            for chunkSize in [1, 3, nil] {
                for isOrdered in [true, false] {
                    let counter = ReadCounter()
                    let input = counter.counting(0..<100)
                    let results =
                        isOrdered
                        ? pool.map(input, chunkSize: chunkSize, bufferSize: bufferSize, Work.square)
                        : pool.mapUnordered(input, chunkSize: chunkSize, bufferSize: bufferSize, Work.square)
                    let furthest = try await furthestRead(results, counter, of: 100)
                    #expect(furthest == bufferSize)
                }
            }
        }
    }

    // E8
    @Test("the buffer bounds how far an asynchronous input is read, too", arguments: ExecutorKind.allCases, [1, 4])
    func bufferBoundOfAsyncInput(kind: ExecutorKind, bufferSize: Int) async throws {
        try await kind.with { pool in
            for chunkSize in [1, 3, nil] {
                for isOrdered in [true, false] {
                    // An input that a busy machine makes slow is not waited for while there are results, so it need not reach the bound each time.
                    var furthest = 0
                    for _ in 0..<50 where furthest < bufferSize {
                        let counter = ReadCounter()
                        let input = counter.countingLater(0..<50)
                        let results =
                            isOrdered
                            ? pool.map(input, chunkSize: chunkSize, bufferSize: bufferSize, Work.square)
                            : pool.mapUnordered(input, chunkSize: chunkSize, bufferSize: bufferSize, Work.square)
                        furthest = try await furthestRead(results, counter, of: 50)
                        #expect(furthest <= bufferSize)
                    }
                    #expect(furthest == bufferSize)
                }
            }
        }
    }

    /// Takes all results, and tells how far the input was read at most beyond those that had been taken.
    private func furthestRead(
        _ results: some AsyncSequence,
        _ counter: ReadCounter,
        of count: Int
    ) async throws -> Int {
        var iterator = results.makeAsyncIterator()
        #expect(counter.count == 0)
        var returned = 0
        var furthest = 0
        while try await iterator.next(isolation: #isolation) != nil {
            furthest = max(furthest, counter.count - returned)
            returned += 1
        }
        #expect(returned == count)
        return furthest
    }

    // E9
    @Test(
        "an error thrown by the input stands behind the results of what came before it",
        arguments: ExecutorKind.allCases
    )
    func errorOfInput(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            let input = AsyncThrowingStream<Int, any Error> { continuation in
                for n in 0..<5 { continuation.yield(n) }
                continuation.finish(throwing: Refusal(number: 5))
            }
            var squares: [Int] = []
            await #expect(throws: Refusal(number: 5)) {
                for try await square in pool.map(input, Work.square) { squares.append(square) }
            }
            #expect(squares == [0, 1, 4, 9, 16])
        }
    }

    // E12
    @Test("the sequence of results keeps no result alive", arguments: ExecutorKind.allCases)
    func resultsAreReleased(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            var iterator = pool.map(0..<20, chunkSize: 5) { Result(number: $0) }.makeAsyncIterator()
            for _ in 0..<20 {
                weak let result = try await iterator.next(isolation: #isolation)
                // The thread that ran the chunk may be about to let go of it.
                #expect(await becomesTrue { result == nil })
            }
        }
    }

    @Test("sizes that make no sense are refused at the first result", arguments: ExecutorKind.allCases)
    func badSizes(kind: ExecutorKind) async throws {
        try await kind.with { pool in
            for map in [pool.map(0..<3, chunkSize: 0, Work.square), pool.map(0..<3, bufferSize: -1, Work.square)] {
                let error = await #expect(throws: PoolError.self) { try await map.collect() }
                #expect(error?.code == .invalidConfiguration)
            }
        }
    }

    // E22
    @Test("progress is reported and reaches the total", arguments: ExecutorKind.allCases, [0, 1, 10])
    func progress(kind: ExecutorKind, count: Int) async throws {
        try await kind.with { pool in
            var reports: [MapProgress] = []
            _ = try await pool.map(0..<count, Work.square).onProgress { reports.append($0) }.collect()
            #expect(reports.last?.completed == count && reports.last?.total == count)
            #expect(reports.map(\.completed) == reports.map(\.completed).sorted())
            #expect(Set(reports).count == reports.count)
        }
    }

    @Test("an argument that cannot be encoded fails only its own item")
    func unencodableArgument() async throws {
        let outcomes = await InlineExecutor().map(0..<10, chunkSize: 5, Fussy.init).results.collect()
        #expect(outcomes.count == 10)
        let pool = InlineExecutor()
        let arguments = (0..<10).map { Fussy($0) }
        let numbers = await pool.map(arguments, chunkSize: 5) { $0.number }.results.collect()
        #expect(numbers.map { try? $0.get() } == (0..<10).map { $0 == 7 ? nil : $0 })
        guard case .failure(let error as PoolError) = numbers[7] else {
            Issue.record("the seventh item did not fail with a PoolError")
            return
        }
        #expect(error.code == .encodingFailed)
    }

    @Test("a function that captures a value is refused where calls are encoded")
    func capturedValue() async throws {
        let offset = Int.random(in: 1...9)
        let pool = InlineExecutor()
        let error = await #expect(throws: PoolError.self) {
            try await pool.map(0..<3) { $0 + offset }.collect()
        }
        #expect(error?.code == .capturedValues)
        #expect(error?.message.contains("MapTests.swift") == true)
    }
}

/// Counts how many elements were read, in the process that reads them.
private final class ReadCounter: Sendable {
    private let counter = Mutex(0)

    var count: Int { counter.withLock { $0 } }

    func counting(_ range: Range<Int>) -> AnySequence<Int> {
        AnySequence(
            range.lazy.map { n in
                self.counter.withLock { $0 += 1 }
                return n
            }
        )
    }

    /// Gives an element when it is asked for one, and none in advance.
    func countingLater(_ range: Range<Int>) -> AsyncStream<Int> {
        AsyncStream {
            await Task.yield()
            let index = self.counter.withLock { count in
                defer { count = min(count + 1, range.count) }
                return count
            }
            return index < range.count ? range.lowerBound + index : nil
        }
    }
}

private final class Result: Codable, Sendable {
    let number: Int

    init(number: Int) { self.number = number }
}

/// Refuses to be encoded if it is 7.
private struct Fussy: Codable, Sendable {
    let number: Int

    init(_ number: Int) { self.number = number }

    func encode(to encoder: any Encoder) throws {
        if number == 7 { throw Refusal(number: 7) }
        var container = encoder.singleValueContainer()
        try container.encode(number)
    }

    init(from decoder: any Decoder) throws {
        number = try decoder.singleValueContainer().decode(Int.self)
    }
}

private struct GatedCall: Codable, Sendable {
    let gate: FileGate
    let name: String

    func passIfSlow() throws -> String {
        if name == "slow" { try Work.waitForFile(gate.open) }
        return name
    }

    func markThenPassIfSlow() throws -> String {
        try Work.touch(gate.begun(name))
        return try passIfSlow()
    }
}

private func numbers(_ count: Int) -> AsyncStream<Int> {
    AsyncStream { continuation in
        for n in 0..<count { continuation.yield(n) }
        continuation.finish()
    }
}
