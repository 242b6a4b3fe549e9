import Foundation
import Testing

@testable import ConcurrentFutures

/// What workers run.
private enum SharedWork {
    struct Job: Codable, Sendable {
        var name: String
        var samples: SharedArray<Double>
        var others: [SharedArray<UInt8>]
        var missing: SharedArray<Int>?
    }

    static func sum(_ array: SharedArray<Int>) -> Int { array.reduce(0, &+) }

    static func same(_ array: SharedArray<UInt8>) -> SharedArray<UInt8> { array }

    static func make(_ count: Int) throws -> SharedArray<Int> {
        try SharedArray(count: count) { buffer in
            for index in buffer.indices { buffer[index] = index }
        }
    }

    static func describe(_ job: Job) -> [Double] {
        [job.samples.reduce(0, +)] + job.others.map { Double($0.reduce(0) { $0 + Int($1) }) }
    }

    static func change(_ job: Job) -> Job {
        var job = job
        job.name += " done"
        job.others.reverse()
        return job
    }

    static func sumOfAll(_ arrays: [SharedArray<Int>]) -> Int { arrays.reduce(0) { $0 &+ $1.reduce(0, &+) } }

    static func makeMany(_ count: Int) throws -> [SharedArray<Int>] { try (0..<count).map { try make($0 + 1) } }

    static func sumAtSecondAttempt(_ array: SharedArray<Int>) -> Int {
        guard WorkerContext.current?.attempt == 2 else { fatalError("not this time") }
        return sum(array)
    }

    static func write(_ array: SharedArray<Int>) {
        array.withUnsafeBufferPointer { UnsafeMutablePointer(mutating: $0.baseAddress!)[0] = 1 }
    }

    static func inPoolOfItsOwn(_ array: SharedArray<Int>) async throws -> SharedArray<Int> {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            _ = try await pool.run(sum, array)
            return try await pool.run({ (array: SharedArray<Int>) in array }, array)
        }
    }

    static func sumBesideBytes(_ array: SharedArray<Int>, _ bytes: [UInt8]) -> SumAndBytes {
        SumAndBytes(sum: array, bytes: bytes)
    }

    struct SumAndBytes: Codable, Sendable {
        var sum: SharedArray<Int>
        var bytes: [UInt8]
    }

    struct Failure: Error, Codable {
        var evidence: SharedArray<Int>
    }

    static func fail(_ count: Int) throws { throw Failure(evidence: try make(count)) }

    /// Uses arrays in all ways, also those that fail, in a pool of its own.
    static func useArrays() async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let array = try make(100_000)
            for _ in 0..<10 {
                _ = try await pool.run({ (array: SharedArray<Int>) in array }, array)
                _ = try await pool.run(makeMany, 20)
                // Nobody looks at this one's result.
                _ = await pool.submit(make, 10).result
                _ = try? await pool.run(fail, 10)
                _ = try? await pool.run({ (_: SharedArray<Int>) -> Void in fatalError("a crash") }, array)
                pool.submit(sum, array).cancel()
            }
            // What a worker keeps of all this.
            let kept = try await pool.run { () throws in
                let now = try Possessions.count()
                return now.ofArrays + now.mappings
            }
            guard kept == 0 else { throw PoolError(.workerMisbehaved, "a worker keeps \(kept)") }
        }
    }

    static func possessionsBeforeAndAfter() async throws -> [Possessions] {
        // Once without counting: what the first pool of a process makes, it keeps.
        try await useArrays()
        let before = try Possessions.count()
        try await useArrays()
        return [before, try Possessions.count()]
    }

    static func codeOfMaking() throws -> String {
        try leaveDescriptors(0)
        do {
            _ = try make(10)
            return "none"
        } catch let error as PoolError {
            return error.code.description
        }
    }

    /// What becomes of a result of several arrays where this process, its host, has no room for them.
    static func codeOfReceiving() async throws -> [String] {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            _ = try await pool.run(make, 10)
            try leaveDescriptors(3)
            do {
                _ = try await pool.run(makeMany, 5)
                return ["none"]
            } catch let error as PoolError {
                return [error.code.description, "\(try await pool.run(makeMany, 2).count)"]
            }
        }
    }

    static func leaveDescriptors(_ left: Int) throws {
        // The limit is of numbers, so that there must be no gaps below it.
        let highest = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
            .max()!
        var filler = open("/dev/null", O_RDONLY)
        while filler < highest { filler = dup(filler) }
        limitDescriptors(to: UInt(Int(filler) + 1 + left))
    }
}

/// A struct whose fields are all numbers, and some that are not.
private struct Location: BitwiseCopyable, Sendable, Codable, Equatable {
    var x: Float
    var y: Double
    var tag: (UInt8, UInt8) { (1, 2) }
}

private enum Color: UInt8, Sendable, Codable, BitwiseCopyable { case red, green }

private struct Pixel: BitwiseCopyable, Sendable {
    var value: Int
    var color: Color
}

/// What this process has of arrays: their descriptors, their mappings, and how many descriptors in all.
private struct Possessions: Codable, Sendable, Equatable {
    var descriptors: Int
    var ofArrays: Int
    var mappings: Int

    static func count() throws -> Possessions {
        let descriptors = try ProcessWork.openDescriptors().filter { !$0.contains("timerfd") }
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        return Possessions(
            descriptors: descriptors.count,
            ofArrays: descriptors.count { $0.contains("cf-shared") },
            mappings: maps.split(separator: "\n").count { $0.contains("cf-shared") }
        )
    }
}

@Suite("A shared array", .fewAtOnce, .timeLimit(.minutes(5)))
struct SharedArrayTests {
    @Test("holds what was written when it was made, and zeroes elsewhere")
    func making() throws {
        let array = try SharedArray<Int32>(count: 10_000) { buffer in
            #expect(buffer.allSatisfy { $0 == 0 })
            buffer[7] = 42
        }
        #expect(array.count == 10_000 && array[7] == 42 && array[8] == 0 && array.last == 0)
        #expect(array.withUnsafeBufferPointer { $0.count } == 10_000)
        #expect(array.withSpan { $0[7] } == 42)
        #expect(array.withContiguousStorageIfAvailable { $0[7] } == 42)
        #expect(array.firstIndex(of: 42) == 7)
        #expect(array.description == "SharedArray<Int32> of 10000 elements")
        let collected = try SharedArray((1...100).map { UInt16($0) })
        #expect(collected.elementsEqual(1...100) && collected.dropFirst(98).elementsEqual([99, 100]))
        #expect(try SharedArray(repeating: 2.5, count: 3).elementsEqual([2.5, 2.5, 2.5]))
        #expect(try SharedArray<UInt8>([]).isEmpty)
    }

    @Test("that its closure fails to fill leaves nothing behind")
    func fillThrows() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) { try SharedArray<Int>(count: 5) { _ in throw Stop() } }
        #expect(throws: Stop.self) { try SharedArray<Int>(count: 0) { _ in throw Stop() } }
    }

    @Test("has elements of which every pattern of bits is a value, and no others")
    func elementTypes() throws {
        let points = try SharedArray([Location(x: 1, y: 2)])
        #expect(points[0] == Location(x: 1, y: 2))
        #expect(try SharedArray([SIMD4<Float>(1, 2, 3, 4)])[0].w == 4)
        #expect(try SharedArray([Duration.seconds(3)])[0] == .seconds(3))
        func isRefused<Element: BitwiseCopyable & Sendable>(_ element: Element) -> Bool {
            do {
                _ = try SharedArray([element])
                return false
            } catch {
                return (error as? PoolError)?.code == .invalidConfiguration
            }
        }
        #expect(isRefused(true))
        #expect(isRefused(Color.red))
        #expect(isRefused(Pixel(value: 1, color: .green)))
        #expect(isRefused(Int?.some(1)))
        #expect(isRefused(Unicode.Scalar(65)))
        #expect(!isRefused(UInt128(1)) && !isRefused(2.0 as Double) && !isRefused(Int8(1)))
    }

    @Test("of more than this machine has is refused with a clear error", arguments: [1 << 50, Int.max])
    func tooBig(count: Int) throws {
        let error = try #require(throws: PoolError.self) { try SharedArray<Int>(count: count) { _ in } }
        #expect(error.code == .resourcesExhausted)
    }

    @Test("goes to a task and comes back", arguments: ExecutorKind.allCases)
    func thereAndBack(kind: ExecutorKind) async throws {
        try await kind.with { executor async throws in
            let array = try SharedWork.make(100_000)
            #expect(try await executor.run(SharedWork.sum, array) == array.reduce(0, &+))
            let bytes = try SharedArray<UInt8>(repeating: 7, count: 1_000_000)
            let back = try await executor.run(SharedWork.same, bytes)
            #expect(back.count == bytes.count && back.elementsEqual(bytes))
            #expect(try await executor.run(SharedWork.same, back).elementsEqual(bytes))
            #expect(try await executor.run(SharedWork.make, 5000).elementsEqual(0..<5000))
            #expect(try await executor.run(SharedWork.make, 0).isEmpty)
            #expect(try await executor.run(SharedWork.same, SharedArray([])).isEmpty)
        }
    }

    @Test("goes within other values, in the arguments and in the result", arguments: ExecutorKind.allCases)
    func withinValues(kind: ExecutorKind) async throws {
        try await kind.with { executor async throws in
            let job = SharedWork.Job(
                name: "job",
                samples: try SharedArray([0.5, 1.5]),
                others: [try SharedArray([1, 2]), try SharedArray([3]), try SharedArray([])]
            )
            #expect(try await executor.run(SharedWork.describe, job) == [2, 3, 3, 0])
            let changed = try await executor.run(SharedWork.change, job)
            #expect(changed.name == "job done" && changed.missing == nil)
            #expect(changed.others.map(Array.init) == [[], [3], [1, 2]])
            #expect(changed.samples.elementsEqual([0.5, 1.5]))
        }
    }

    @Test("goes through a map, and with more in a chunk than travel together", arguments: ExecutorKind.allCases)
    func mapped(kind: ExecutorKind) async throws {
        try await kind.with { executor async throws in
            let arrays = try SharedWork.makeMany(100)
            let sums = try await executor.map(arrays, chunkSize: 80) { SharedWork.sum($0) }.collect()
            #expect(sums == arrays.map { SharedWork.sum($0) })
            let made = try await executor.map(1...100, chunkSize: 30, SharedWork.make).collect()
            #expect(made.map(\.count) == Array(1...100))
            #expect(made.allSatisfy { $0.elementsEqual(0..<$0.count) })
        }
    }

    @Test("goes beside arguments and results so big that they are in a memory file themselves")
    func besideBigValues() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let array = try SharedWork.make(10)
            let bytes = [UInt8](repeating: 3, count: 1_000_000)
            for _ in 0..<3 {
                let both = try await pool.run(SharedWork.sumBesideBytes, array, bytes)
                #expect(both.sum.elementsEqual(array) && both.bytes == bytes)
            }
        }
    }

    @Test("goes with an attempt after a crash as it went with the one before")
    func retried() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let array = try SharedWork.make(1000)
            let sum = try await pool.run(
                SharedWork.sumAtSecondAttempt,
                array,
                retry: RetryPolicy(maxAttempts: 2)
            )
            #expect(sum == 499_500)
        }
    }

    @Test("comes with an error that the task throws")
    func withinError() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let failure = await #expect(throws: SharedWork.Failure.self) { try await pool.run(SharedWork.fail, 10) }
            #expect(failure?.evidence.elementsEqual(0..<10) == true)
        }
    }

    // P12
    @Test("goes on from a worker to a pool of its own, and all the way back")
    func nested() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let array = try SharedWork.make(1000)
            #expect(try await pool.run(SharedWork.inPoolOfItsOwn, array).elementsEqual(array))
        }
    }

    @Test("cannot be written by anybody")
    func constant() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let array = try SharedWork.make(10)
            let error = await #expect(throws: PoolError.self) { try await pool.run(SharedWork.write, array) }
            #expect(error?.code == .workerCrashed)
            #expect(array.elementsEqual(0..<10))
        }
    }

    @Test("travels with at most 63 others", arguments: [ExecutorKind.inline, .process])
    func tooMany(kind: ExecutorKind) async throws {
        try await kind.with { executor async throws in
            let arrays = try SharedWork.makeMany(65)
            #expect(
                try await executor.run(SharedWork.sumOfAll, Array(arrays.prefix(64)))
                    == (1...64).reduce(0) { $0 + $1 * ($1 - 1) / 2 }
            )
            // The same one counts once.
            #expect(try await executor.run(SharedWork.sumOfAll, Array(repeating: arrays[1], count: 1000)) == 1000)
            #expect(try await executor.run(SharedWork.makeMany, 64).count == 64)
            let sent = await #expect(throws: PoolError.self) { try await executor.run(SharedWork.sumOfAll, arrays) }
            let returned = await #expect(throws: PoolError.self) { try await executor.run(SharedWork.makeMany, 65) }
            for error in [sent, returned] {
                #expect(error?.code == .encodingFailed && error?.message.contains("64") == true)
            }
            // Nothing of it is left to disturb what comes after.
            #expect(try await executor.run(SharedWork.sum, arrays[2]) == 3)
        }
    }

    @Test("says clearly that it cannot be encoded outside of a call")
    func elsewhere() throws {
        let array = try SharedArray([1, 2, 3])
        for array in [array, try SharedArray([])] {
            #expect {
                try JSONEncoder().encode(array)
            } throws: { error in
                guard case .invalidValue(_, let context)? = error as? EncodingError else { return false }
                return context.debugDescription.contains("pool's task")
            }
        }
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(SharedArray<Int>.self, from: Data("[3, 0]".utf8))
        }
        var encoder = BinaryEncoder()
        #expect(throws: EncodingError.self) { try encoder.encode(array) }
        #expect(throws: PoolError.self) {
            try ProcessPoolExecutor(initializer: .call({ (_: SharedArray<Int>) in }, array))
        }
    }

    // P17
    @Test("leaves no descriptor and no mapping behind, in no process")
    func nothingIsLeft() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let counts = try await outer.run(SharedWork.possessionsBeforeAndAfter)
            #expect(counts[0] == counts[1])
            #expect(counts[1].ofArrays == 0 && counts[1].mappings == 0)
        }
    }

    @Test(
        "for which there are no descriptors fails with resourcesExhausted: making it, getting it, and getting it back"
    )
    func noDescriptors() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(SharedWork.codeOfMaking) == "resourcesExhausted")
        }
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let arrays = try SharedWork.makeMany(5)
            try await pool.run(SharedWork.leaveDescriptors, 3)
            let error = await #expect(throws: PoolError.self) { try await pool.run(SharedWork.sumOfAll, arrays) }
            #expect(error?.code == .resourcesExhausted)
            // Nobody was harmed.
            #expect(try await pool.run(SharedWork.sumOfAll, Array(arrays.prefix(2))) == 1)
        }
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(SharedWork.codeOfReceiving) == ["resourcesExhausted", "2"])
        }
    }

    @Test("is refused if its sender could still change it, take it away, or did not pay for it")
    func hostileSender() throws {
        func sealed(_ seals: MemoryFile.Seals, filled: Bool = true) throws -> SharedFile {
            let file = try MemoryFile(name: "test", size: 1 << 20)
            let bytes = [UInt8](repeating: 1, count: filled ? 1 << 20 : 100)
            try bytes.withUnsafeBytes { try file.write($0) }
            try file.add(seals)
            return SharedFile(received: file.descriptor)
        }
        // What a worker would send of an array of 100,000 numbers, with another file than the array's.
        var encoder = BinaryEncoder()
        encoder.allowAttachments()
        try encoder.encode(SharedWork.make(100_000))
        let bytes = encoder.takeBytes()
        func decode(_ files: [SharedFile]) throws -> SharedArray<Int> {
            try bytes.withUnsafeBytes { bytes in
                var decoder = BinaryDecoder(bytes, attachments: Attachments(files))
                return try decoder.decode(SharedArray<Int>.self)
            }
        }
        #expect(try decode([sealed([.shrink, .write])]).count == 100_000)
        #expect(try decode(encoder.takeAttachments()).elementsEqual(0..<100_000))
        for seals in [MemoryFile.Seals.shrink, .write, [.shrink, .grow, .futureWrite, .seal], []] {
            #expect(throws: DecodingError.self) { try decode([sealed(seals)]) }
        }
        #expect(throws: DecodingError.self) { try decode([sealed([.shrink, .write], filled: false)]) }
        #expect(throws: DecodingError.self) { try decode([SharedFile(received: MessageSocket.pair().0.descriptor)]) }
        #expect(throws: DecodingError.self) { try decode([]) }
        // The same bits as something else that has holes in its values.
        #expect(throws: PoolError.self) {
            try bytes.withUnsafeBytes { bytes in
                var decoder = BinaryDecoder(bytes, attachments: Attachments([try sealed([.shrink, .write])]))
                return try decoder.decode(SharedArray<Bool>.self).count
            }
        }
    }
}
