import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("A worker that has gone mad", .fewAtOnce, .serialized, .timeLimit(.minutes(3)))
struct HostileWorkerTests {
    /// Runs a hostile task with one beside it on another worker, some behind it and some later, all of which must come out right.
    ///
    /// - Returns: how the hostile task ended.
    private func contain<Value: Sendable>(
        options: ProcessPoolOptions = ProcessPoolOptions(),
        _ submit: (ProcessPoolExecutor) -> Future<Value>
    ) async throws -> Result<Value, any Error> {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        return try await withProcessPool(maxWorkers: 2, options: options) { pool async throws in
            let neighbour = pool.submit(Work.passGate, gate, "neighbour")
            #expect(await becomesTrue { gate.hasBegun("neighbour") })
            // A result that lies where a mad worker can write, unread, can be lost with it.
            #expect(try await pool.run(Work.square, 2) == 4)
            let hostile = submit(pool)
            let behind = (0..<20).map { pool.submit(Work.square, $0) }
            let bigBehind = pool.submit(ProcessWork.count, ProcessWork.make(200_000))
            let result = await hostile.result
            for (n, future) in behind.enumerated() { #expect(try await future.value == n * n) }
            #expect(try await bigBehind.value == 200_000)
            try gate.release()
            #expect(try await neighbour.value == "neighbour")
            let later = try await pool.map(0..<50, Work.square).collect()
            #expect(later == (0..<50).map { $0 * $0 })
            return result
        }
    }

    private func expectMisbehaviour<Value>(_ result: Result<Value, any Error>) throws {
        let error = try #require(result.error as? PoolError)
        #expect(error.code == .workerMisbehaved, "\(error)")
        #expect(error.pid != nil)
    }

    static let scribbles: [HostileWork.Scribble] = HostileWork.Region.allCases.flatMap { region in
        HostileWork.Garbage.allCases.flatMap { garbage in
            [false, true].map { isPersistent in
                let seed = UInt64(region.rawValue * 100 + garbage.rawValue * 10 + (isPersistent ? 1 : 0))
                return HostileWork.Scribble(seed: seed, region: region, garbage: garbage, isPersistent: isPersistent)
            }
        }
    }

    private func scribble(
        _ scribble: HostileWork.Scribble,
        options: ProcessPoolOptions,
        mayEndWith codes: Set<PoolError.Code>
    ) async throws {
        switch try await contain(options: options, { $0.submit(HostileWork.scribble, scribble) }) {
        case .success(let seed):
            // What was hit did not matter, or was put right by the next that was written there.
            #expect(seed == scribble.seed)
        case .failure(let error):
            #expect(codes.contains(try #require(error as? PoolError).code), "\(error)")
        }
    }

    // D3
    @Test("because it was written over what it shares with the host harms nobody else", arguments: scribbles)
    func scribble(_ scribble: HostileWork.Scribble) async throws {
        try await self.scribble(
            scribble,
            options: ProcessPoolOptions(),
            mayEndWith: [.workerMisbehaved, .workerCrashed]
        )
    }

    // D3
    @Test(
        "and says nonsense of its time, its memory and its stage harms nobody else, where these are limited",
        arguments: scribbles.filter { $0.isPersistent && [.everything, .words, .stageAndStart].contains($0.region) }
    )
    func scribbleUnderLimits(_ scribble: HostileWork.Scribble) async throws {
        let options = ProcessPoolOptions(
            timeout: testBound,
            memoryLimit: 4 << 30,
            cpuTimeLimit: testBound,
            standardError: .capture
        )
        // It may have said, in its own disfavour, that it was refused memory.
        try await self.scribble(
            scribble,
            options: options,
            mayEndWith: [.workerMisbehaved, .workerCrashed, .memoryLimitExceeded]
        )
    }

    // D3
    @Test("and moves its tail is put down", arguments: [8, 24, 1024, 1 << 20, 1 << 40, .max, -8, -24, -48, .min])
    func tail(_ distance: Int64) async throws {
        try expectMisbehaviour(await contain { $0.submit(HostileWork.moveTail, distance) })
    }

    // D3
    @Test("and sends a frame that makes no sense is put down", arguments: HostileWork.Frame.allCases)
    func frame(_ frame: HostileWork.Frame) async throws {
        try expectMisbehaviour(await contain { $0.submit(HostileWork.reply, frame) })
    }

    // D3
    @Test("in a batch loses the item that it was at, and no other", arguments: HostileWork.BatchFrame.allCases)
    func batch(_ frame: HostileWork.BatchFrame) async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let size = HostileWork.batchSize
            let items = (0..<size).map { HostileWork.Item(n: $0, frame: $0 == 3 ? frame : nil) }
            let results = await pool.map(items, chunkSize: size, HostileWork.squareUnlessHostile).results.collect()
            #expect(results.count == size)
            for (n, result) in results.enumerated() {
                if n == 3 { try expectMisbehaviour(result) } else { #expect(try result.get() == n * n) }
            }
        }
    }

    // D3
    @Test("and sends what is no result over its socket is put down", arguments: HostileWork.Message.allCases)
    func message(_ message: HostileWork.Message) async throws {
        try expectMisbehaviour(await contain { $0.submit(HostileWork.send, message) })
    }

    // D3
    @Test("cannot change what the host has written")
    func requests() async throws {
        let successes = try await contain { $0.submit(HostileWork.attackRequests) }.get()
        #expect(successes == [])
    }

    // D3
    @Test("and has closed all its descriptors answers, or ends without harm to others", arguments: [1, 100_000])
    func closedDescriptors(resultSize: Int) async throws {
        switch try await contain({ $0.submit(HostileWork.closeAll, resultSize) }) {
        case .success(let bytes): #expect(bytes.count == resultSize)
        case .failure(let error): #expect((error as? PoolError)?.code == .encodingFailed, "\(error)")
        }
    }

    // D3
    @Test("does not write into the files that have its descriptors' numbers now")
    func reusedDescriptors() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("a file of the task")
        let result = try await contain { $0.submit(HostileWork.closeAllAndOpen, path) }
        #expect(try result.get() == 1)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).isEmpty)
    }

    // D3
    @Test("and steals the rings of its bell holds up nobody")
    func stolenRings() async throws {
        let result = try await contain { $0.submit(HostileWork.stealRings, 300) }
        #expect(try result.get() == 1)
    }

    // D3
    @Test("and fills the bells that it shares with the host is stopped like any other")
    func fullBells() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1, options: .grace(.milliseconds(20))) { pool async throws in
            let hostile = pool.submit(HostileWork.fillBells, gate)
            let behind = pool.submit(Work.square, 3)
            #expect(await becomesTrue { gate.hasBegun("hostile") })
            #expect(hostile.cancel())
            await #expect(throws: CancellationError.self) { try await hostile.value }
            #expect(try await behind.value == 9)
        }
    }

    // D3
    @Test("costs its host neither memory nor descriptors")
    func leavesNothing() async throws {
        let rounds = 4
        // In a process of which no other test uses anything.
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let hosted = try await outer.run(HostileWork.hostMany, rounds)
            let kinds = HostileWork.Frame.allCases.count + HostileWork.Message.allCases.count + 3
            #expect(hosted.misbehaved == rounds * kinds)
            #expect(hosted.after.descriptors == hosted.before.descriptors)
            let growth = Int(hosted.after.memory) - Int(hosted.before.memory)
            #expect(growth < 4 << 20, "\(growth) bytes in \(rounds - 1) rounds")
        }
    }

    static func forgeries() throws -> [[UInt8]] {
        struct Message: Codable { var type: TypeReference }
        struct Address: Codable { var imageName: String, imageIdentity: String, offset: UInt }
        guard
            case .nominal(let location, _) = try TypeReference(
                describing: Refusal.self,
                images: LoadedImages.current
            )
        else { return [] }
        let right = try decoded(Address.self, from: encoded(location))
        var types: [TypeReference] = [.named("\u{1}abcd"), .named("\u{2}zzzz"), .named("$s"), .tuple([])]
        for distance in [4, 8, 16, 64, 1 << 12, 1 << 20, 1 << 40, Int.max] {
            for offset in [right.offset &+ UInt(distance), right.offset &- UInt(distance)] {
                var address = right
                address.offset = offset
                types.append(.nominal(try decoded(ImageAddress.self, from: encoded(address)), arguments: []))
            }
        }
        let forged = try types.map { [1] + (try encoded(Message(type: $0))) }
        let lie = withUnsafeBytes(of: Word(Tag.string, length: 1 << 50).bits) { [UInt8]($0) }
        return forged + [[], [0], [1], [3], [0xFF], [0] + lie, [1] + lie, [0, 0x13, 1], [0, 0x10, 1, 2, 3]]
    }

    // D3
    @Test("and forges an outcome makes its own task fail")
    func forgedOutcome() async throws {
        for outcome in try Self.forgeries() {
            let result = try await contain { $0.submit(HostileWork.forge, outcome) }
            let code = (result.error as? PoolError)?.code
            #expect(code == .decodingFailed || code == .workerMisbehaved, "\(outcome): \(result)")
        }
    }
}
