import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("The process pool", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct ProcessPoolTests {
    // P1
    @Test("tasks run in other processes, in maxWorkers of them and no more", arguments: StartMethod.allCases)
    func otherProcesses(method: StartMethod) async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 3, startMethod: method) { pool async throws in
            let futures = (0..<6).map { n in
                pool.submit(
                    { (gate: FileGate, name: String) throws -> Int32 in
                        _ = try Work.passGate(gate, name)
                        return getpid()
                    },
                    gate,
                    "\(n)"
                )
            }
            #expect(try await becomesTrue { try gate.begunCount == 3 })
            try gate.release()
            var pids: Set<Int32> = []
            for future in futures { pids.insert(try await future.value) }
            #expect(pids.count == 3 && !pids.contains(getpid()))
        }
    }

    // P2, E21
    @Test("a worker is used again for one task after another")
    func reused() async throws {
        try await withProcessPool(maxWorkers: 3) { pool async throws in
            var pids: Set<Int32> = []
            for n in 0..<20 { pids.insert(try await pool.run(ProcessWork.pid, n)) }
            #expect(pids.count == 1)
        }
    }

    @Test("minWorkers are started at once, before there is a task")
    func minWorkers() async throws {
        try await withProcessPool(maxWorkers: 4, minWorkers: 3) { pool async throws in
            #expect(await becomesTrue { pool.forkServerPid.map { ProcessWork.children(of: $0).count } == 3 })
            #expect(try await pool.run(Work.answer) == 42)
            #expect(pool.forkServerPid.map { ProcessWork.children(of: $0).count } == 3)
        }
    }

    @Test("a pool that is never used starts nothing and ends")
    func unused() async throws {
        let pool = try ProcessPoolExecutor()
        await pool.shutdown()
        await #expect(throws: PoolError.self) { try await pool.run(ProcessWork.pid, 1) }
    }

    // E13
    @Test("numbers of workers that make no sense are refused", arguments: [(0, 0), (-1, 0), (2, -1), (2, 3)])
    func invalidNumbers(maxWorkers: Int, minWorkers: Int) {
        let error = #expect(throws: PoolError.self) {
            _ = try ProcessPoolExecutor(maxWorkers: maxWorkers, minWorkers: minWorkers)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("Workers is") == true)
    }

    // P5
    @Test("an error arrives as its own type if that is Codable, else as a RemoteError")
    func errors() async throws {
        struct NotCodable: Error, CustomStringConvertible { var description: String { "not codable" } }
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            await #expect(throws: Refusal(number: 7)) { try await pool.run(Work.squareUnlessSeven, 7) }
            let remote = await #expect(throws: RemoteError.self) {
                try await pool.run { () throws -> Int in throw NotCodable() }
            }
            #expect(remote?.message == "not codable")
            #expect(remote?.typeName.hasSuffix("NotCodable") == true)
            await #expect(throws: CancellationError.self) {
                try await pool.run { () throws -> Int in throw CancellationError() }
            }
        }
    }

    @Test(
        "an item of a map that cannot be decoded fails alone, on either side",
        arguments: [ExecutorKind.inline, .process]
    )
    func undecodableItems(kind: ExecutorKind) async throws {
        try await kind.with { pool async throws in
            let places: [Fragile.Place] = [.nowhere, .decode, .nowhere, .encode, .nowhere]
            let given = await Array(pool.map(places, chunkSize: 5, Fragile.give).results)
            #expect(given.map { $0.error == nil } == [true, false, true, false, true])
            let taken = await Array(pool.map(places.map(Fragile.init), chunkSize: 5, Fragile.take).results)
            #expect(taken.map { $0.error == nil } == [true, false, true, false, true])
        }
    }

    @Test("values of every size cross, there and back", arguments: [0, 1, 1000, 49_000, 49_200, 300_000, 20_000_000])
    func sizes(count: Int) async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let bytes = ProcessWork.make(count)
            #expect(try await pool.run(ProcessWork.count, bytes) == count)
            #expect(try await pool.run(ProcessWork.make, count) == bytes)
        }
    }

    // F5, F6
    @Test("a task that runs says so; cancelled, its result is dropped")
    func cancelRunning() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let running = pool.submit(Work.passGate, gate, "running")
            let pending = pool.submit(Work.passGate, gate, "pending")
            #expect(await becomesTrue { gate.hasBegun("running") })
            #expect(running.isRunning && !running.isDone)
            #expect(!pending.isRunning && !pending.isDone)
            #expect(pending.cancel())
            #expect(pending.isCancelled && pending.isDone)
            #expect(running.cancel())
            #expect(running.isRunning && !running.isDone)
            try gate.release()
            await #expect(throws: CancellationError.self) { try await running.value }
            #expect(running.isCancelled)
            // Only the task was cancelled, not its worker, and the one taken back never ran.
            #expect(try await pool.run(Work.answer) == 42)
            #expect(!gate.hasBegun("pending"))
        }
    }

    // C5
    @Test("cancelling the task around run cancels a call that has not started")
    func cancelRun() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let running = pool.submit(Work.passGate, gate, "running")
            #expect(await becomesTrue { gate.hasBegun("running") })
            let task = Task { try await pool.run(Work.passGate, gate, "second") }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try gate.release()
            _ = try await running.value
            #expect(!gate.hasBegun("second"))
        }
    }

    // E17
    @Test("leaving the scope by an error cancels what has not started and waits for what runs")
    func scopeThrows() async throws {
        struct Leaving: Error {}
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        var left: [Future<String>] = []
        await #expect(throws: Leaving.self) {
            try await withProcessPool(maxWorkers: 1) { pool async throws in
                left = (0..<10).map { pool.submit(Work.passGate, gate, "\($0)") }
                #expect(await becomesTrue { gate.hasBegun("0") })
                // What runs can only end once the others have been cancelled.
                left[9].onCompletion { _ in try? gate.release() }
                throw Leaving()
            }
        }
        #expect(left.allSatisfy { $0.isDone })
        #expect(left.dropFirst().allSatisfy { $0.isCancelled })
    }

    // F13
    @Test("a callback that blocks delays no task")
    func blockedCallback() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let gate = Gate()
            let first = pool.submit(Work.square, 2)
            first.onCompletion { _ in gate.pass() }
            for n in 0..<20 { #expect(try await pool.run(Work.square, n) == n * n) }
            gate.open()
        }
    }

    // F13
    @Test("a decoder that blocks delays no other task and no callback")
    func blockedDecoder() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let stubborn = pool.submit(Stubborn.init, gate)
            // On a thread of its own: the cooperative ones are few.
            Thread { _ = try? stubborn.get() }.start()
            #expect(await becomesTrue { gate.hasBegun("decoding") })
            let called = Log<Int>()
            for n in 0..<20 {
                let future = pool.submit(Work.square, n)
                future.onCompletion { _ in called.append(n) }
                #expect(try await future.value == n * n)
            }
            #expect(await becomesTrue { called.elements.count == 20 })
            #expect(stubborn.isDone)
            try gate.release()
            _ = try await stubborn.value
        }
    }

    // F13
    @Test("a cancelled run does not wait for a callback that blocks")
    func cancelledRunBesideBlockedCallback() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let callback = Gate()
            pool.submit(Work.square, 2).onCompletion { _ in callback.pass() }
            let task = Task { try await pool.run(Work.passGate, gate, "cancelled") }
            #expect(await becomesTrue { gate.hasBegun("cancelled") })
            task.cancel()
            try gate.release()
            await #expect(throws: CancellationError.self) { try await task.value }
            callback.open()
        }
    }

    @Test("one long task does not hold up the short ones behind it")
    func rebalancing() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 2, minWorkers: 2) { pool async throws in
            let long = pool.submit(Work.passGate, gate, "long")
            let short = (0..<500).map { pool.submit(Work.square, $0) }
            for (n, future) in short.enumerated() { #expect(try await future.value == n * n) }
            #expect(!long.isDone)
            try gate.release()
            _ = try await long.value
        }
    }

    // P22
    @Test("an async function of the main actor works as a task")
    func mainActor() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(mainActorSquare, 6) == 36)
            let more = try await pool.run({ (n: Int) async -> Int in await mainActorSquare(n) + 1 }, 5)
            #expect(more == 26)
        }
    }
}

/// Cannot be decoded before its gate is open.
private struct Stubborn: Codable, Sendable {
    let gate: FileGate

    init(_ gate: FileGate) {
        self.gate = gate
    }

    init(from decoder: any Decoder) throws {
        gate = try decoder.singleValueContainer().decode(FileGate.self)
        _ = try Work.passGate(gate, "decoding")
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(gate)
    }
}

@MainActor private func mainActorSquare(_ n: Int) async -> Int { n * n }

extension Result where Failure == any Error {
    var error: (any Error)? {
        if case .failure(let error) = self { error } else { nil }
    }
}

extension Array {
    fileprivate init<Sequence: AsyncSequence>(_ sequence: Sequence) async
    where Sequence.Element == Element, Sequence.Failure == Never {
        self = []
        for await element in sequence { append(element) }
    }
}
