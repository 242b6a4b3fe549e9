import CSystemShims
import Foundation
import Testing

@testable import ConcurrentFutures

/// What runs in a worker.
enum ArrayWork {
    nonisolated(unsafe) static var kept: [[UInt8]] = []

    /// How many mappings of this process are private ones of a file of this name.
    static func privateMappings(of name: String) throws -> Int {
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        return maps.split(separator: "\n").count { $0.contains("rw-p") && $0.contains("memfd:\(name)") }
    }

    static func lent() throws -> Int { try privateMappings(of: "cf-arguments") }

    /// Looks at several numbers of each page: all would take long in a debug build.
    static func sum(_ bytes: [UInt8]) -> Int {
        stride(from: 0, to: bytes.count, by: step).reduce(into: 0) { $0 &+= Int(bytes[$1]) }
    }

    @Sendable static func keep(_ bytes: [UInt8]) throws -> Int {
        kept.append(bytes)
        return try lent()
    }

    @Sendable static func check(_ bytes: [UInt8]) throws -> [Int] {
        let of = try lent()
        return [of] + kept.map { sum($0) } + [sum(bytes)]
    }

    @Sendable fileprivate static func sums(_ first: [UInt8], _ several: Several) throws -> [Int] {
        let numbers = stride(from: 0, to: size / 8, by: step).reduce(0) { $0 + Int(several.numbers[$1]) }
        let last = stride(from: 0, to: size / 4, by: step).reduce(0) { $0 + Int(several.last[1][$1]) }
        return [try lent(), sum(first), sum(several.bytes), numbers, last]
    }

    @Sendable static func change(_ bytes: consuming [UInt8]) -> [UInt8] {
        for index in stride(from: 0, to: bytes.count, by: 1000) { bytes[index] = 99 }
        return bytes
    }

    @Sendable static func dieOnce(_ bytes: [UInt8]) throws -> Int {
        guard WorkerContext.current?.attempt == 1 else { return sum(bytes) }
        bytes.withUnsafeBytes { bytes in
            // As code that has gone mad does.
            _ = memset(UnsafeMutableRawPointer(mutating: bytes.baseAddress!), 0, bytes.count)
        }
        kill(getpid(), SIGKILL)
        return 0
    }
}

private struct Several: Codable, Sendable {
    var name = "several"
    var bytes: [UInt8]
    var numbers: [Double]
    var last: [[Int32]]
}

private let size = 33 << 20
private let step = 512
private let samples = size / step

@Suite("Big arrays whose pages are lent", .fewAtOnce, .timeLimit(.minutes(5)))
struct PageLoanTests {
    // MARK: The format

    /// Numbers with a gap before them, as the bytes of a message.
    private func spaced<Numbers: Codable>(_ numbers: Numbers) throws -> [UInt8] {
        var encoder = BinaryEncoder()
        encoder.setSource(ArgumentFiles.shared)
        try encoder.encode("some bytes that lie before")
        let start = encoder.count
        try encoder.encode(numbers)
        let bytes = encoder.withUnsafeBytes { [UInt8]($0[start...]) }
        // `Data` is a message of its own.
        try #require([unkeyedHeaderSize, Word.size + unkeyedHeaderSize].contains { bytes[$0] == Tag.spacedRun })
        return bytes
    }

    @Test("are read in whatever way, with the gap that lies before their numbers")
    func gap() throws {
        let numbers = (0..<1_100_000).map { Int32(truncatingIfNeeded: $0 &* 77_777) }
        let bytes = try spaced(numbers)
        #expect(bytes.count > numbers.count * 4 + 100)
        #expect(try decoded([Int32].self, from: bytes) == numbers)
        // Element by element, and converted.
        #expect(try decoded([Int].self, from: bytes) == numbers.map(Int.init))
        #expect(try decoded(Set<Int32>.self, from: bytes) == Set(numbers))
        #expect(try decoded(Data.self, from: spaced([UInt8](repeating: 5, count: 5_000_000))).count == 5_000_000)
        let data = try spaced(Data(repeating: 6, count: 5_000_000))
        #expect(try decoded([UInt8].self, from: data) == [UInt8](repeating: 6, count: 5_000_000))
    }

    @Test("say in an error which element it was")
    func path() throws {
        var numbers = [UInt64](repeating: 1, count: 1_000_000)
        numbers[123_456] = .max
        let error = #expect(throws: DecodingError.self) { try decoded([Int].self, from: spaced(numbers)) }
        guard case .dataCorrupted(let context)? = error else { throw error! }
        #expect(context.codingPath.map(\.intValue) == [123_456])
    }

    @Test("are refused with a gap that is longer than all, or a header that is cut off")
    func damaged() throws {
        let bytes = try spaced([UInt8](repeating: 1, count: 4 << 20))
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

    // MARK: Arguments

    @Test("have the pages of the arguments' file in a worker, and their own before the next ones come")
    func keptByFunction() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ArrayWork.keep, [UInt8](repeating: 1, count: size)) == 1)
            #expect(try await pool.run(ArrayWork.keep, [UInt8](repeating: 2, count: size + 5)) > 1)
            for number in 3..<6 {
                let found = try await pool.run(ArrayWork.check, [UInt8](repeating: UInt8(number), count: size))
                #expect(found.dropFirst() == [samples, 2 * (samples + 1), number * samples])
                #expect(found[0] >= 1)
            }
        }
    }

    @Test("are several's of one call, wherever they lie in it")
    func several() async throws {
        let several = Several(
            bytes: [UInt8](repeating: 1, count: size),
            numbers: [Double](repeating: 2, count: size / 8),
            last: [[1, 2], [Int32](repeating: 3, count: size / 4)]
        )
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let found = try await pool.run(ArrayWork.sums, [UInt8](repeating: 4, count: size), several)
            #expect(found == [4, 4 * samples, samples, samples / 4, 3 * samples / 4])
        }
    }

    @Test("may be changed, which neither the caller nor the next attempt sees")
    func changed() async throws {
        let bytes = [UInt8](repeating: 1, count: size)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            var expected = bytes
            for index in stride(from: 0, to: size, by: 1000) { expected[index] = 99 }
            for _ in 0..<2 {
                let changed = try await pool.run(ArrayWork.change, bytes)
                #expect(changed == expected)
            }
            let retried = try await pool.run(ArrayWork.dieOnce, bytes, retry: RetryPolicy(maxAttempts: 2))
            #expect(retried == samples)
        }
        #expect(ArrayWork.sum(bytes) == samples)
    }

    @Test("come back as they went, through a map and with other calls")
    func there() async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let inputs = (0..<6).map { [UInt8](repeating: UInt8($0), count: size + $0 * 4096 + $0) }
            var index = 0
            for try await output in pool.map(inputs, { (bytes: [UInt8]) in bytes }) {
                #expect(output == inputs[index])
                index += 1
            }
            #expect(index == inputs.count)
        }
    }

    // MARK: Results

    @Test("of results are kept as they came, however many there are, and whatever becomes of the pool")
    func results() async throws {
        var results: [[UInt8]] = []
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            func result(_ number: UInt8) async throws -> [UInt8] {
                try await pool.run({ (number: UInt8) in [UInt8](repeating: number, count: size) }, number)
            }
            for number in UInt8(1)..<8 {
                results.append(try await result(number))
                if number == 3 { results[0] = try await result(100) }
                if number == 5 { results[1][3 * step] = 200 }
            }
        }
        // Whoever comes next may use the same files.
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            for number in UInt8(20)..<23 {
                _ = try await pool.run({ (number: UInt8) in [UInt8](repeating: number, count: size) }, number)
            }
        }
        for (result, number) in zip(results, [100, 2, 3, 4, 5, 6, 7]) {
            #expect(ArrayWork.sum(result) == samples * number + (number == 2 ? 198 : 0))
        }
    }

    /// An array that lies in pages of a landing file.
    private func landed(_ number: UInt8, in files: LandingFiles) -> [UInt8]? {
        var lent: LentPages?
        let source = [UInt8](repeating: number, count: size)
        let array = [UInt8](unsafeUninitializedCapacity: size) { memory, count in
            source.withUnsafeBytes { lent = files.lend($0, to: UnsafeMutableRawPointer(memory.baseAddress!)) }
            count = size
        }
        guard let lent else { return nil }
        files.note(lent, borrower: array._owner!)
        return array
    }

    @Test("are given again when their array has gone, and not before; then arrays have memory of their own")
    func again() throws {
        let files = LandingFiles()
        var arrays = try (UInt8(1)...4).map { try #require(landed($0, in: files)) }
        #expect(landed(5, in: files) == nil)
        let place = arrays[2].withUnsafeBytes { $0.baseAddress! }
        arrays[2] = []
        #expect(UInt(bitPattern: place) % 4096 == 48)
        arrays[2] = try #require(landed(6, in: files))
        #expect(arrays.map { ArrayWork.sum($0) } == [1, 2, 6, 4].map { $0 * samples })
        files.close()
        arrays[0] = try #require(landed(7, in: files))
        #expect(arrays.map { ArrayWork.sum($0) } == [7, 2, 6, 4].map { $0 * samples })
    }

    @Test("do not change in a forked child when their file is used again")
    func forked() throws {
        let files = LandingFiles()
        var array = try #require(landed(1, in: files))
        var goOn: [Int32] = [0, 0]
        pipe(&goOn)
        let child = array.withUnsafeBytes { bytes in
            let child = cf_fork()
            guard child == 0 else { return child }
            var byte: UInt8 = 0
            read(goOn[0], &byte, 1)
            var isSame = true
            for index in stride(from: 0, to: bytes.count, by: 512) where bytes[index] != 1 { isSame = false }
            cf_exit(isSame ? 0 : 1)
        }
        array = []
        array = try #require(landed(2, in: files))
        var byte: UInt8 = 0
        write(goOn[1], &byte, 1)
        var status: Int32 = -1
        waitpid(child, &status, 0)
        #expect(status == 0)
        #expect(ArrayWork.sum(array) == 2 * samples)
        close(goOn[0])
        close(goOn[1])
    }

    @Test("are not lent to an array whose memory is not a mapping of its own")
    func ownMapping() {
        let small = UnsafeMutableRawPointer.allocate(byteCount: 1000, alignment: 16)
        defer { small.deallocate() }
        #expect(!LentPages.canLie(in: small, count: 100))
        let big = malloc(size)!
        defer { free(big) }
        #expect(LentPages.canLie(in: big + 32, count: size - 32))
        #expect(!LentPages.canLie(in: big + 32, count: 2 * size))
        #expect(!LentPages.canLie(in: big + 48, count: 1000))
    }

    @Test("are copied as they are, wherever they begin and end", arguments: [(0, 0, 0), (1, 63, 1), (48, 8, 12_345)])
    func bigCopies(from: Int, to: Int, more: Int) {
        let count = (32 << 20) + more
        let source = [UInt8](unsafeUninitializedCapacity: from + count) { bytes, initialized in
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
