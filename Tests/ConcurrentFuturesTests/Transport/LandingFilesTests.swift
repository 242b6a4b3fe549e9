import Foundation
import Testing

@testable import ConcurrentFutures

/// What is done with landing files in a process of its own; it tells what is not as it should be.
private enum LandingWork {
    /// An array that lies in pages of a landing file.
    static func landed(_ number: UInt8, in files: LandingFiles, count: Int = bigSize) -> [UInt8]? {
        var loan: PageLoan?
        let source = [UInt8](repeating: number, count: count)
        let array = [UInt8](unsafeUninitializedCapacity: count) { memory, initialized in
            source.withUnsafeBytes { loan = files.lend($0, to: UnsafeMutableRawPointer(memory.baseAddress!)) }
            initialized = count
        }
        loan?.note(borrower: array._owner!)
        return loan == nil ? nil : array
    }

    /// The number of the file in which an array lies.
    static func file(of array: [UInt8]) throws -> Substring? {
        try ArrayWork.mapping(of: array)?.split(separator: " ")[4]
    }

    @Sendable static func again() throws -> [String] {
        var wrong: [String] = []
        func check(_ isRight: Bool, _ what: String) { if !isRight { wrong.append(what) } }
        let files = LandingFiles()
        check(landed(1, in: files) == nil, "lent without a pool")
        files.open()
        var arrays = (UInt8(1)...4).compactMap { landed($0, in: files) }
        guard arrays.count == 4 else { return ["\(arrays.count) were lent"] }
        check(landed(5, in: files) == nil, "a fifth was lent")
        let third = try file(of: arrays[2])
        arrays[2] = []
        arrays[2] = landed(6, in: files) ?? []
        check(try file(of: arrays[2]) == third, "the file was not used again")
        check(arrays.map { ArrayWork.sum($0) } == [1, 2, 6, 4].map { $0 * sampleCount }, "something has changed")
        // A second pool's workers go, and then the first one's.
        files.open()
        files.close()
        check(landed(7, in: files) == nil, "the first pool's files were closed")
        files.close()
        check(landed(7, in: files) == nil, "lent after the last pool")
        check(try ProcessWork.openDescriptors().allSatisfy { !$0.contains("cf-landing") }, "a file is open")
        files.open()
        arrays[0] = landed(7, in: files) ?? []
        check(arrays.map { ArrayWork.sum($0) } == [7, 2, 6, 4].map { $0 * sampleCount }, "something has changed later")
        return wrong
    }

    @Sendable static func sizeOfFile() throws -> [String] {
        let files = LandingFiles()
        files.open()
        var big = landed(1, in: files, count: 70 << 20) ?? []
        let place = try file(of: big)
        big = []
        let small = landed(2, in: files) ?? []
        guard try file(of: small) != place else { return ["a small array has a big file"] }
        big = landed(3, in: files, count: 69 << 20) ?? []
        guard try file(of: big) == place, ArrayWork.sum(small) == 2 * sampleCount else { return ["the wrong file"] }
        return []
    }

    @Sendable static func forked() throws -> [String] {
        let files = LandingFiles()
        files.open()
        var array = landed(1, in: files) ?? []
        let place = try file(of: array)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return ["no pipe"] }
        let child = array.withUnsafeBytes { ArrayWork.forkedReader($0, of: 1, when: ends[0]) }
        array = []
        array = landed(2, in: files) ?? []
        var wrong = try file(of: array) == place ? [] : ["the file was not used again"]
        var byte: UInt8 = 0
        write(ends[1], &byte, 1)
        var status: Int32 = -1
        waitpid(child, &status, 0)
        if status != 0 { wrong.append("the child ended with \(status)") }
        if ArrayWork.sum(array) != 2 * sampleCount { wrong.append("the array is wrong") }
        return wrong
    }
}

@Suite("Pages of big results", .fewAtOnce, .timeLimit(.minutes(5)))
struct LandingFilesTests {
    @Sendable static func result(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: bigSize) }

    @Test("of results are kept as they came, however many there are, and whatever becomes of the pool")
    func results() async throws {
        // In a process without other tests, which would have some of the four files.
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let found = try await outer.run { () async throws -> [Int] in
                var results: [[UInt8]] = []
                var areLent = false
                try await withProcessPool(maxWorkers: 1) { pool async throws in
                    for number in UInt8(1)..<8 {
                        results.append(try await pool.run(Self.result, number))
                        if number == 3 { results[0] = try await pool.run(Self.result, 100) }
                        if number == 5 { results[1][3 * sampleStep] = 200 }
                    }
                    areLent = try (0..<3).allSatisfy { try ArrayWork.isLent(results[$0], from: "cf-landing") }
                }
                // Whoever comes next may use the same files.
                try await withProcessPool(maxWorkers: 1) { pool async throws in
                    for number in UInt8(20)..<23 { _ = try await pool.run(Self.result, number) }
                }
                return [areLent ? 1 : 0] + results.map { ArrayWork.sum($0) }
            }
            let sums = [100, 2, 3, 4, 5, 6, 7].map { sampleCount * $0 + ($0 == 2 ? 198 : 0) }
            #expect(found == [1] + sums)
        }
    }

    @Test("leave nothing behind, also if a result is first asked for when its pool has gone")
    func nothingIsLeft() async throws {
        try await withProcessPool(maxWorkers: 1) { outer async throws in
            let left = try await outer.run { () async throws -> [String] in
                var futures: [Future<[UInt8]>] = []
                var kept: [[UInt8]] = []
                try await withProcessPool(maxWorkers: 1) { pool async throws in
                    for number in UInt8(1)..<4 { futures.append(pool.submit(Self.result, number)) }
                    kept.append(try await futures[0].value)
                    guard try ArrayWork.isLent(kept[0], from: "cf-landing") else {
                        throw PoolError(.workerMisbehaved, "it is not lent")
                    }
                }
                for future in futures { kept.append(try await future.value) }
                let descriptors = try ProcessWork.openDescriptors().filter { $0.contains("cf-landing") }
                let sums = kept.map { "\(ArrayWork.sum($0) / sampleCount)" }
                return descriptors + sums
            }
            #expect(left == ["1", "1", "2", "3"])
        }
    }

    @Test("are given again when their array has gone, and not before; then arrays have memory of their own")
    func again() async throws {
        #expect(try await inWorker(LandingWork.again) == [])
    }

    @Test("are not those of a file that is much bigger, which the array would keep")
    func sizeOfFile() async throws {
        #expect(try await inWorker(LandingWork.sizeOfFile) == [])
    }

    @Test("do not change in a forked child when their file is used again")
    func forked() async throws {
        #expect(try await inWorker(LandingWork.forked) == [])
    }

    /// In a process without other tests, whose forks would end all loans.
    private func inWorker(_ work: @escaping @Sendable () throws -> [String]) async throws -> [String] {
        try await withProcessPool(maxWorkers: 1) { pool async throws in try await pool.run(work) }
    }
}
