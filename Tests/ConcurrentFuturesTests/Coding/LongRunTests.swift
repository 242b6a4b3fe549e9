import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("Long runs of numbers", .timeLimit(.minutes(5)))
struct LongRunTests {
    private func spaced<Numbers: Codable>(_ numbers: Numbers) throws -> [UInt8] {
        let bytes = try encodedSpaced(numbers)
        // `Data` is a message of its own.
        try #require([unkeyedHeaderSize, Word.size + unkeyedHeaderSize].contains { bytes[$0] == Tag.spacedRun })
        return bytes
    }

    @Test("are read in whatever way, with the gap that lies before their numbers")
    func gap() throws {
        let numbers = (0..<10_000).map { Int32(truncatingIfNeeded: $0 &* 77_777) }
        let bytes = try spaced(numbers)
        #expect(bytes.count > numbers.count * 4)
        #expect(try decoded([Int32].self, from: bytes) == numbers)
        // Element by element, and converted.
        #expect(try decoded([Int].self, from: bytes) == numbers.map(Int.init))
        #expect(try decoded(Set<Int32>.self, from: bytes) == Set(numbers))
        #expect(try decoded(Data.self, from: spaced([UInt8](repeating: 5, count: 50_000))).count == 50_000)
        let data = try spaced(Data(repeating: 6, count: 50_000))
        #expect(try decoded([UInt8].self, from: data) == [UInt8](repeating: 6, count: 50_000))
    }

    @Test("have a gap only where they are long and may go into a file, and where it has them lie as an array does")
    func whereThereIsAGap() throws {
        func tag(_ count: Int, _ source: (any WarmFileSource)?) throws -> (UInt8, offset: Int?) {
            var encoder = BinaryEncoder()
            encoder.setSource(source)
            try encoder.encode("what lies before")
            let start = encoder.count
            try encoder.encode([UInt8](repeating: 1, count: count))
            let end = encoder.count
            let offset = encoder.completeFile().map { Int(bitPattern: $0.content) + end - count }
            return (encoder.withUnsafeBytes { $0[start + unkeyedHeaderSize] }, offset)
        }
        let files = ArgumentFiles.shared
        #expect(try tag(4 << 20, nil).0 == Tag.run)
        #expect(try tag((4 << 20) - 1, files).0 == Tag.run)
        let long = try tag(4 << 20, files)
        #expect(long.0 == Tag.spacedRun)
        #expect(try #require(long.offset) % ArrayMemory.pageSize == 48)
    }

    @Test("say in an error which element it was")
    func path() throws {
        var numbers = [UInt64](repeating: 1, count: 200_000)
        numbers[123_456] = .max
        let error = #expect(throws: DecodingError.self) { try decoded([Int].self, from: spaced(numbers)) }
        guard case .dataCorrupted(let context)? = error else { throw error! }
        #expect(context.codingPath.map(\.intValue) == [123_456])
    }

    @Test("are refused with a gap that is longer than all, or a header that is cut off")
    func damaged() throws {
        let bytes = try spaced([UInt8](repeating: 1, count: 10_000))
        let gap = unkeyedHeaderSize + runHeaderSize
        let all = bytes.count - unkeyedHeaderSize - spacedRunHeaderSize
        for value in [UInt32.max, UInt32(bytes.count), UInt32(all + 1)] {
            var damaged = bytes
            withUnsafeBytes(of: value) { damaged.replaceSubrange(gap..<gap + 4, with: $0) }
            #expect(throws: DecodingError.self) { try decoded([UInt8].self, from: damaged) }
            #expect(throws: DecodingError.self) { try decoded([Int].self, from: damaged) }
        }
        for length in 0..<gap + 20 {
            #expect(throws: DecodingError.self) { try decoded([UInt8].self, from: Array(bytes[..<length])) }
            // All lengths are right, but for that of the run.
            var cut = Array(bytes[..<unkeyedHeaderSize])
            withUnsafeBytes(of: Word(Tag.unkeyed, length: max(0, length - unkeyedHeaderSize)).bits) {
                cut.replaceSubrange(0..<8, with: $0)
            }
            if length > unkeyedHeaderSize { cut += bytes[unkeyedHeaderSize..<length] }
            guard length > unkeyedHeaderSize else { continue }
            #expect(throws: DecodingError.self) { try decoded([Int].self, from: cut) }
        }
    }

    @Test("are copied as they are, wherever they begin and end", arguments: [(0, 0, 0), (1, 63, 1), (48, 8, 12_345)])
    func bigCopies(from: Int, to: Int, more: Int) {
        let count = (32 << 20) + more
        let source = [UInt8](unsafeUninitializedCapacity: from + count) { bytes, initialized in
            bytes.initialize(repeating: 0)
            var state: UInt64 = 1
            UnsafeMutableRawBufferPointer(bytes).withMemoryRebound(to: UInt64.self) { words in
                for index in words.indices {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    words[index] = state
                }
            }
            initialized = bytes.count
        }
        var copy = [UInt8](repeating: 0x55, count: to + count + 100)
        source.withUnsafeBytes { source in
            let bytes = UnsafeRawBufferPointer(rebasing: source[from...])
            copy.withUnsafeMutableBytes { copy in
                BigCopy.copy(bytes, to: copy.baseAddress! + to)
                #expect(memcmp(copy.baseAddress! + to, bytes.baseAddress!, count) == 0)
                #expect(copy[..<to].allSatisfy { $0 == 0x55 } && copy[(to + count)...].allSatisfy { $0 == 0x55 })
            }
        }
    }
}
