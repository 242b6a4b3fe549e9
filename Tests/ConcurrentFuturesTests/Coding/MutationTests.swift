import Foundation
import Testing

@testable import ConcurrentFutures

/// The same numbers in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A message and the type it is read as.
private struct Target {
    let seed: [UInt8]
    let decode: ([UInt8]) throws -> Void

    init<T: Codable>(_ value: T, spaced: Bool = false) throws {
        seed = spaced ? try encodedSpaced(value) : try encoded(value)
        decode = { _ = try decoded(T.self, from: $0) }
    }
}

@Suite("No bytes whatsoever do harm")
struct MutationTests {
    #if DEBUG
        static let rounds = 50_000
    #else
        static let rounds = 250_000
    #endif

    private static func targets() throws -> [Target] {
        [
            try Target(7), try Target("hello"), try Target([1, 2, 3]), try Target([Int?.some(1), nil]),
            try Target(Data([1, 2, 3, 4])), try Target(Record.sample(2)), try Target([Record.sample(1), .sample(3)]),
            try Target(["a": 1, "b": 2]), try Target([3: "x", 4: "y"]), try Target(Set([1, 2, 3])),
            try Target(Tree.balanced(3)), try Target(Optionals(a: 1, f: Wrapper(value: 2))), try Target(UUID()),
            try Target(URL(string: "https://example.org")!), try Target(Decimal(12.5)), try Target(Date.distantPast),
            try Target([1, 2, 3], spaced: true), try Target([UInt8(1), 2], spaced: true),
            try Target([Empty(), Empty()]), try Target(Numbers()), try Target(ContiguousArray([UInt8(1), 2])),
        ]
    }

    private static func mutate(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = bytes
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            return (0..<Int.random(in: 0..<64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 1: bytes.removeLast(Int.random(in: 0...bytes.count, using: &random))
        case 2: bytes.insert(contentsOf: bytes.prefix(9), at: Int.random(in: 0...bytes.count, using: &random))
        case 3: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
        default: break
        }
        let interesting: [UInt8] = [
            0, 1, 2, 3, 4, 0x10, 0x13, 0x18, 0x23, 0x30, 0x31, 0x32, 0x33, 0x34, 0x37, 0x80, 0xFC, 0xFF,
        ]
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &random)
            bytes[place] =
                Bool.random(using: &random)
                ? interesting.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random)
        }
        return bytes
    }

    @Test("mutated and random messages are read or refused")
    func mutations() async throws {
        var random = SplitMix(state: 20_240_607)
        let targets = try Self.targets()
        var read = 0
        for round in 0..<Self.rounds {
            // The threads that run tests are few.
            if round.isMultiple(of: 500) { await Task.yield() }
            let source = targets[round % targets.count]
            let bytes = Self.mutate(source.seed, &random)
            let target = round.isMultiple(of: 4) ? targets.randomElement(using: &random)! : source
            do {
                try target.decode(bytes)
                read += 1
            } catch {
                // Types of Foundation throw errors of their own, for an impossible UUID or URL.
                guard error is DecodingError else {
                    Issue.record("round \(round): \(error)")
                    continue
                }
                guard round.isMultiple(of: 16) else { continue }
                _ = "\(error)"
            }
        }
        #expect(read > 0 && read < Self.rounds)
    }

    @Test(
        "a length that lies reserves no memory",
        arguments: [Tag.string, Tag.keyed, Tag.unkeyed, Tag.run, Tag.spacedRun, Tag.message]
    )
    func lyingLength(_ tag: UInt8) {
        for length in [1 << 20, 1 << 40, (1 << 55) - 1] {
            var encoder = BinaryEncoder()
            encoder.append(Word(tag, length: length).bits)
            for _ in 0..<4 { encoder.append(UInt64(bitPattern: -1)) }
            let bytes = encoder.takeBytes()
            #expect(throws: DecodingError.self) { try decoded([UInt8].self, from: bytes) }
            #expect(throws: DecodingError.self) { try decoded(Data.self, from: bytes) }
            #expect(throws: DecodingError.self) { try decoded(String.self, from: bytes) }
            #expect(throws: DecodingError.self) { try decoded(Set<Int>.self, from: bytes) }
            #expect(throws: DecodingError.self) { try decoded([String: Int].self, from: bytes) }
        }
    }

    @Test("a count that lies is refused, or reserves no more than the bytes")
    func lyingCount() {
        for count in [3, 1 << 20, UInt64.max] {
            var encoder = BinaryEncoder()
            encoder.append(Word(Tag.unkeyed, length: 2).bits)
            encoder.append(count)
            encoder.append(Tag.true)
            encoder.append(Tag.true)
            let bytes = encoder.takeBytes()
            #expect(throws: DecodingError.self) { try decoded([Bool].self, from: bytes) }
            #expect(throws: DecodingError.self) { try decoded(Data.self, from: bytes) }
        }
    }
}
