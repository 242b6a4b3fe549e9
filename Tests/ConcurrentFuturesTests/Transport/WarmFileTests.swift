import CSystemShims
import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

/// Gives out files however few bytes there are.
private final class EagerSource: WarmFileSource {
    let threshold: Int
    private(set) var files: [WarmFile] = []
    var isEmpty = false

    init(threshold: Int = 0) {
        self.threshold = threshold
    }

    func file(capacity: Int, insteadOf smaller: WarmFile?) -> WarmFile? {
        guard !isEmpty, let file = try? WarmFile(name: "test", capacity: capacity, seals: []) else { return nil }
        files.append(file)
        return file
    }
}

/// All that a message can be made of, with long runs of numbers in several places.
private struct Mixture: Codable, Equatable, Sendable {
    var name = String(repeating: "name", count: 5000)
    var numbers = (0..<100_000).map { Double($0) }
    var bytes = [UInt8](repeating: 7, count: 200_000)
    var data = Data(repeating: 9, count: 100_000)
    var small = [1, 2, 3]
    var nested: [[Int32]] = [[Int32](repeating: -1, count: 50_000), [], [5]]
    var nothing: Int?
    var words = ["a": "b"]
}

/// Reads numbers one by one, of which others make an array at once.
private struct OneByOne: Decodable {
    var numbers: [Double] = []

    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        while !container.isAtEnd { numbers.append(try container.decode(Double.self)) }
    }
}

/// Writes to its encoder in turns, so that what it wrote has to be moved.
private struct InTurns: Encodable {
    enum Key: CodingKey { case first, second }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        var first = container.nestedUnkeyedContainer(forKey: .first)
        var second = container.nestedUnkeyedContainer(forKey: .second)
        for n in 0..<3 {
            try first.encode([UInt8](repeating: UInt8(n), count: 70_000))
            try second.encode([Int](repeating: n, count: 20_000))
        }
    }
}

private struct FailsAtTheEnd: Encodable {
    struct Failure: Error {}
    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode([UInt8](repeating: 1, count: 300_000))
        throw Failure()
    }
}

private final class Flag: Sendable {
    let isSet = Atomic(false)
}

@Suite("A message in a file", .fewAtOnce, .timeLimit(.minutes(5)))
struct WarmFileTests {
    private func inFile(_ source: EagerSource, _ encode: (inout BinaryEncoder) throws -> Void) rethrows -> [UInt8] {
        var encoder = BinaryEncoder()
        encoder.setSource(source)
        try encode(&encoder)
        return encoder.withUnsafeBytes { [UInt8]($0) }
    }

    @Test("has the same bytes as one in an array", arguments: [0, 100_000, 1_000_000])
    func sameBytes(threshold: Int) throws {
        let source = EagerSource(threshold: threshold)
        var encoder = BinaryEncoder()
        func encode(_ encoder: inout BinaryEncoder) throws {
            try encoder.encode(42)
            try encoder.encode(Mixture())
            try encoder.encode(InTurns())
            #expect(throws: FailsAtTheEnd.Failure.self) { try encoder.encode(FailsAtTheEnd()) }
            try encoder.encode([UInt8](repeating: 3, count: 3_000_000))
            let place = encoder.reserveLength()
            try encoder.encode("the end")
            encoder.fillLength(at: place)
        }
        try encode(&encoder)
        #expect(try inFile(source, encode) == encoder.takeBytes())
        #expect(!source.files.isEmpty)
    }

    @Test("stays in an array if there is no file, also if it has outgrown the one it had")
    func noFile() throws {
        let source = EagerSource()
        source.isEmpty = true
        let record = try encoded(Mixture())
        #expect(try inFile(source) { try $0.encode(Mixture()) } == record)
        source.isEmpty = false
        let bytes = try inFile(source) { encoder in
            try encoder.encode(1)
            _ = encoder.completeFile()
            try encoder.encode([UInt8](repeating: 1, count: 100_000))
            source.isEmpty = true
            try encoder.encode([UInt8](repeating: 2, count: 2_000_000))
            let file = encoder.completeFile()
            #expect(file == nil)
        }
        #expect(bytes.count > 2_100_000)
    }

    @Test("says where its long runs of numbers are")
    func runs() throws {
        var encoder = BinaryEncoder()
        encoder.setSource(EagerSource())
        try encoder.encode(Mixture())
        let runs = encoder.runs
        #expect(runs.map(\.count) == [800_000, 200_000, 100_000, 200_000])
        encoder.withUnsafeBytes { bytes in
            #expect(bytes[runs[1]].allSatisfy { $0 == 7 } && bytes[runs[2]].allSatisfy { $0 == 9 })
        }
        encoder.truncate(to: runs[1].upperBound)
        #expect(encoder.runs.count == 2)
        encoder.removeAll(keepingCapacity: true)
        let file = encoder.completeFile()
        #expect(encoder.runs.isEmpty && file == nil)
    }

    // MARK: Arguments

    @Test("is written where the arguments before were, as soon as nobody reads these")
    func argumentsAgain() throws {
        func file(of number: UInt8) throws -> ArgumentFile {
            let payload = try EncoderCache.withEncoder { encoder throws in
                encoder.setSource(ArgumentFiles.shared)
                defer { encoder.setSource(nil) }
                try encoder.encode([UInt8](repeating: number, count: 5_000_000))
                return encoder.takeRequestPayload()
            }
            return try #require(try payload.fileIfBig())
        }
        var first: ArgumentFile? = try file(of: 1)
        let identity = first?.file.file.descriptor.identity
        let second = try file(of: 2)
        #expect(second.file.file.descriptor.identity != identity)
        #expect(first!.file.content.load(fromByteOffset: 1_000_000, as: UInt8.self) == 1)
        first = nil
        // Others of this program's tests may have taken it meanwhile; but one of them is taken again.
        var seen: [Descriptor.Identity?] = []
        for number in UInt8(3)..<20 { seen.append(try file(of: number).file.file.descriptor.identity) }
        #expect(Set(seen.map { "\(String(describing: $0))" }).count < seen.count)
        #expect(second.file.content.load(fromByteOffset: 1_000_000, as: UInt8.self) == 2)
    }

    @Test("that is an argument cannot be changed by who gets it, nor made shorter")
    func argumentsAreSealed() throws {
        let file = try ArgumentFiles.shared.file(of: [UInt8](repeating: 1, count: 100_000)).file.file
        let number = file.descriptor.number
        var byte: UInt8 = 2
        #expect(pwrite(number, &byte, 1, 5000) < 0)
        #expect(ftruncate(number, 0) < 0)
        #expect(mmap(nil, file.size, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0) == MAP_FAILED)
    }

    @Test("of arguments leaves nothing behind when its pool has gone")
    func nothingIsLeft() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let left = try await outer.run { () async throws -> [String] in
                try await withProcessPool(maxWorkers: 2) { pool async throws in
                    let bytes = [UInt8](repeating: 1, count: 3_000_000)
                    for _ in 0..<5 { _ = try await pool.run({ (bytes: [UInt8]) in bytes }, bytes) }
                    let kept = try ProcessWork.openDescriptors().filter { $0.contains("cf-arguments") }
                    guard kept.count == 1 else { throw PoolError(.workerMisbehaved, "\(kept)") }
                }
                let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
                return try ProcessWork.openDescriptors().filter { $0.contains("cf-") }
                    + maps.filter { $0.contains("cf-") }.map(String.init)
            }
            // This one has files of its own channel.
            #expect(!left.contains { $0.contains("cf-arguments") || $0.contains("cf-results") }, "\(left)")
        }
    }

    // MARK: Results

    /// A file with a message, as a worker lends it.
    private func lent<Value: Encodable>(_ value: Value) throws -> (file: WarmFile, count: Int, runs: [Range<Int>]) {
        var encoder = BinaryEncoder()
        encoder.setSource(ResultFiles())
        try encoder.encode(value)
        let runs = encoder.runs
        let taken = encoder.takeFile()
        let (file, count) = try #require(taken)
        file.lend()
        return (file, count, runs)
    }

    @Test("is read by its host without its being copied first, and then given back")
    func lentResult() throws {
        let (file, count, runs) = try lent(Mixture())
        var files = LentFiles()
        for _ in 0..<3 {
            file.lend()
            var payload: Payload? = try files.payload(in: file.file.descriptor, count: count, runs: runs)
            guard case .lent = payload else { throw PoolError(.workerMisbehaved, "it was copied") }
            #expect(payload?.count == count)
            #expect(try payload?.withDecoder { try $0.decode(Mixture.self) } == Mixture())
            #expect(payload?.withUnsafeBytes { $0.elementsEqual((try? encoded(Mixture())) ?? []) } == true)
            #expect(file.isLent)
            payload = nil
            #expect(!file.isLent)
        }
    }

    @Test("that is not very big is copied, and given back at once")
    func copiedResult() throws {
        let (file, count, runs) = try lent([UInt8](repeating: 4, count: 100_000))
        var files = LentFiles()
        let payload = try files.payload(in: file.file.descriptor, count: count, runs: runs)
        #expect(payload.isAtHand && !file.isLent)
        #expect(try payload.withDecoder { try $0.decode([UInt8].self) } == [UInt8](repeating: 4, count: 100_000))
    }

    @Test("can be read in another way than it was written")
    func oneByOne() throws {
        let numbers = (0..<50_000).map { Double($0) / 3 }
        let (file, count, runs) = try lent(numbers)
        #expect(runs.count == 1)
        var files = LentFiles()
        let payload = try files.payload(in: file.file.descriptor, count: count, runs: runs)
        #expect(try payload.withDecoder { try $0.decode(OneByOne.self) }.numbers == numbers)
        #expect(try payload.withDecoder { try $0.decode(Set<Double>.self) } == Set(numbers))
    }

    @Test("is read or refused while who has lent it writes over it")
    func changedMeanwhile() async throws {
        let (file, count, runs) = try lent(Mixture())
        var files = LentFiles()
        let payload = try files.payload(in: file.file.descriptor, count: count, runs: runs)
        let end = Flag()
        let decoded = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                var random = SystemRandomNumberGenerator()
                let skeleton = (0..<runs[0].lowerBound)
                while !end.isSet.load(ordering: .relaxed) {
                    let place = Bool.random(using: &random) ? .random(in: 0..<count) : Int.random(in: skeleton)
                    // As another process would, and not through memory of this one, which a thread sanitizer watches.
                    var byte = UInt8.random(in: 0...255, using: &random)
                    pwrite(file.file.descriptor.number, &byte, 1, off_t(WarmFile.headerSize + place))
                    await Task.yield()
                }
                return 0
            }
            group.addTask {
                defer { end.isSet.store(true, ordering: .relaxed) }
                var decoded = 0
                for _ in 0..<300 {
                    do {
                        decoded += try payload.withDecoder { try $0.decode(Mixture.self) }.numbers.count
                    } catch is DecodingError {
                        continue
                    }
                    await Task.yield()
                }
                return decoded
            }
            return try await group.reduce(0, +)
        }
        // Whatever it was, this process is still here.
        #expect(decoded.isMultiple(of: 100_000))
    }

    @Test("is refused if it could be taken away, is too small, or its sender did not pay for it")
    func refused() throws {
        func file(size: Int, filled: Int, _ seals: MemoryFile.Seals) throws -> Descriptor {
            let file = try MemoryFile(name: "test", size: size)
            try [UInt8](repeating: 1, count: filled).withUnsafeBytes { try file.write($0) }
            try file.add(seals)
            return file.descriptor
        }
        var files = LentFiles()
        let size = 1 << 20
        #expect(
            try files.payload(in: file(size: size + 4096, filled: size, .shrink), count: size, runs: []).count == size
        )
        for descriptor in [
            try file(size: size + 4096, filled: size, []),
            try file(size: size + 4096, filled: size, [.grow, .write]),
            try file(size: size + 4095, filled: size, .shrink),
            try file(size: size + 4096, filled: size - 4096, .shrink),
            try file(size: 100, filled: 100, .shrink),
            try Doorbell().descriptor,
        ] {
            #expect(throws: SystemError.self) { try files.payload(in: descriptor, count: size, runs: []) }
        }
    }

    @Test("is lent to the host in one of two files at most, and another only when one has outgrown its own")
    func twoFiles() throws {
        let files = ResultFiles()
        let first = try #require(files.file(capacity: 100_000, insteadOf: nil))
        #expect(files.file(capacity: 500_000, insteadOf: nil) === first)
        first.lend()
        let second = try #require(files.file(capacity: 100_000, insteadOf: nil))
        #expect(second !== first)
        let bigger = try #require(files.file(capacity: 10_000_000, insteadOf: second))
        #expect(bigger !== second && bigger.capacity >= 10_000_000)
        bigger.lend()
        #expect(files.file(capacity: 1000, insteadOf: nil) == nil)
        first.takeBack()
        #expect(files.file(capacity: 1000, insteadOf: nil) === first)
        // One that is too big to be kept is not.
        let huge = try #require(files.file(capacity: 200 << 20, insteadOf: nil))
        #expect(files.file(capacity: 1000, insteadOf: nil) !== huge)
    }

    @Test("an array of a power of two needs no file of twice that, and one of 128 MiB a file that is kept")
    func sizes() throws {
        for power in 20...30 {
            let count = 1 << power
            for capacity in [count - 1, count, count + 100, count + 60 * 1024] {
                #expect(WarmFile.size(for: capacity) == count + 64 * 1024, "\(capacity)")
            }
            #expect(WarmFile.size(for: count + 60 * 1024 + 1) == 2 * count + 64 * 1024)
        }
        #expect(WarmFile.size(for: 0) == WarmFile.size(for: 1 << 20))
        let file = try WarmFile(name: "test", capacity: (128 << 20) + 100, seals: [])
        #expect(file.isSmallEnoughToKeep && file.capacity == (128 << 20) + 60 * 1024)
        #expect(!(try WarmFile(name: "test", capacity: 129 << 20, seals: []).isSmallEnoughToKeep))
    }

    @Test("goes to a task and comes back, however big, while others are on their way", arguments: [1, 2])
    func throughPool(workers: Int) async throws {
        try await withProcessPool(maxWorkers: workers) { pool async throws in
            let sizes = [48 << 10, 60_000, 300_000, 1 << 20, 5 << 20, 20 << 20, 100_000, 7]
            for round in UInt8(0)..<2 {
                let futures = sizes.map { size in
                    pool.submit(
                        { (bytes: [UInt8]) in bytes },
                        [UInt8](repeating: UInt8(size & 0x7F) + round, count: size)
                    )
                }
                for (size, future) in zip(sizes, futures) {
                    let value = try await future.value
                    #expect(value.count == size && value.allSatisfy { $0 == UInt8(size & 0x7F) + round })
                }
            }
            let records = try await pool.map(0..<6) { n in
                var record = Mixture()
                record.small = [n]
                return record
            }.collect()
            #expect(
                records.map(\.small) == (0..<6).map { [$0] } && records.allSatisfy { $0.numbers == Mixture().numbers }
            )
        }
    }

    @Test("that nobody has awaited yet holds up no other")
    func heldResults() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let futures = (0..<10).map { n in
                pool.submit({ (n: Int) in [UInt8](repeating: UInt8(n), count: 1_000_000) }, n)
            }
            _ = try await futures[9].value
            for (n, future) in futures.enumerated() {
                #expect(try await future.value == [UInt8](repeating: UInt8(n), count: 1_000_000))
            }
        }
    }

    @Test("goes with an attempt after a crash as it went with the one before")
    func retried() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let sum = try await pool.run(
                { (bytes: [UInt8]) in
                    guard WorkerContext.current?.attempt == 3 else { abort() }
                    return bytes.reduce(0) { $0 + Int($1) }
                },
                [UInt8](repeating: 5, count: 4_000_000),
                retry: RetryPolicy(maxAttempts: 3)
            )
            #expect(sum == 20_000_000)
        }
    }

    @Test("is not lost where a task has closed the file that is lent")
    func closedDescriptors() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ProcessWork.make, 1_000_000).count == 1_000_000)
            let pid = try await pool.run { () throws -> Int32 in
                for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
                    let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")
                    guard link?.contains("cf-results") == true, let number = Int32(name) else { continue }
                    // Its number is another file's from now on.
                    let other = open("/dev/null", O_RDWR)
                    dup2(other, number)
                    close(other)
                }
                return getpid()
            }
            #expect(try await pool.run(ProcessWork.make, 1_000_000).count == 1_000_000)
            #expect(try await pool.run(ProcessWork.pid, 0) == pid)
        }
    }
}
