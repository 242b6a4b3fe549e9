import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("Big arrays whose pages are lent", .fewAtOnce, .timeLimit(.minutes(5)))
struct PageLoanTests {
    private func bytes(_ number: UInt8, count: Int = bigSize) -> [UInt8] { [UInt8](repeating: number, count: count) }

    @Test("have the pages of the arguments' file in a worker, and their own before the next ones come")
    func keptByFunction() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ArrayWork.keep, bytes(1)))
            #expect(try await pool.run(ArrayWork.keep, bytes(2, count: bigSize + 5)))
            for number in UInt8(3)..<6 {
                let sums = try await pool.run(ArrayWork.sumsOfKept, bytes(number))
                #expect(sums == [sampleCount, 2 * (sampleCount + 1), Int(number) * sampleCount])
            }
        }
    }

    @Test("are several's of one call, wherever they lie in it, and however often they are read")
    func several() async throws {
        let several = Several(
            bytes: bytes(1),
            numbers: [Double](repeating: 2, count: bigSize / 8),
            last: [[1, 2], [Int32](repeating: 3, count: bigSize / 4)]
        )
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let sums = try await pool.run(ArrayWork.sums, bytes(4), several)
            #expect(sums == [4 * sampleCount, sampleCount, sampleCount, sampleCount / 4, 3 * sampleCount / 4])
        }
    }

    @Test("are given back when the arguments then cannot be decoded")
    func undecodable() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let error = await #expect(throws: PoolError.self) {
                try await pool.run({ (_: Undecodable) in 0 }, Undecodable(bytes: bytes(1)))
            }
            #expect(error?.code == .decodingFailed)
            #expect(try await pool.run(ArrayWork.sumsOfKept, bytes(2)) == [sampleCount, 2 * sampleCount])
        }
    }

    @Test("may be changed, which neither the caller nor the next attempt sees")
    func changed() async throws {
        let ones = bytes(1)
        var expected = ones
        for index in stride(from: 0, to: bigSize, by: 1000) { expected[index] = 99 }
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            for _ in 0..<2 {
                let changed = try await pool.run(ArrayWork.change, ones)
                #expect(changed == expected)
            }
            let retried = try await pool.run(ArrayWork.dieOnce, ones, retry: RetryPolicy(maxAttempts: 2))
            #expect(retried == sampleCount)
        }
        #expect(ArrayWork.sum(ones) == sampleCount)
    }

    @Test("are lent to the items of a map, too, in batches, with limits of time and to async functions")
    func items() async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let inputs = (UInt8(0)..<6).map { bytes($0, count: bigSize + Int($0) * 4096 + Int($0)) }
            let numbers = (UInt8(0)..<6).map(Optional.some)
            #expect(try await pool.map(inputs, chunkSize: 1, ArrayWork.number).collect() == numbers)
            #expect(try await pool.map(inputs, chunkSize: 3, ArrayWork.number).collect() == numbers)
            #expect(try await pool.map(inputs, chunkSize: 3, ArrayWork.numberLater).collect() == numbers)
            let timed = pool.map(inputs, chunkSize: 2, timeout: .seconds(100), ArrayWork.number)
            #expect(try await timed.collect() == numbers)
            for (output, input) in zip(try await pool.map(inputs, { (bytes: [UInt8]) in bytes }).collect(), inputs) {
                #expect(output == input)
            }
        }
    }

    @Test("do not change under a `Task` that was left behind, nor in a child")
    func leftBehind() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ArrayWork.leaveReader, bytes(1)))
            for number in UInt8(2)..<5 { _ = try await pool.run(ArrayWork.number, bytes(number)) }
            #expect(try await pool.run(ArrayWork.numbersRead, bytes(9)) == [1])
            #expect(try await pool.run(ArrayWork.leaveChild, bytes(1)))
            for number in UInt8(2)..<5 { _ = try await pool.run(ArrayWork.number, bytes(number)) }
            #expect(try await pool.run(ArrayWork.childIsRight, bytes(9)))
        }
    }

    @Test("do not have the task close what has the number of their file's descriptor now")
    func closedFile() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ArrayWork.closeFile, bytes(1)))
            #expect(try await pool.run(ArrayWork.hasNullAndIsRight, bytes(2)))
            // In a batch the second item's array finds no file any more.
            let outcomes = try await pool.map([bytes(3), bytes(4)], chunkSize: 2, ArrayWork.closeFile).collect()
            #expect(outcomes == [true, false])
            #expect(try await pool.run(ArrayWork.number, bytes(5)) == 5)
        }
    }

    @Test("do not count for the memory of a worker, unless it changes them")
    func memory() async throws {
        let options = ProcessPoolOptions(memoryLimit: 24 << 20)
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            #expect(try await pool.run(ArrayWork.number, bytes(1)) == 1)
            let error = await #expect(throws: PoolError.self) { try await pool.run(ArrayWork.change, bytes(1)) }
            #expect(error?.code == .memoryLimitExceeded)
        }
    }

    @Test("are not lent to an array whose memory is not a mapping of its own")
    func ownMapping() {
        let small = UnsafeMutableRawPointer.allocate(byteCount: 1000, alignment: 16)
        defer { small.deallocate() }
        #expect(!ArrayMemory.isOwnMapping(small, count: 100))
        // What other tests have given back is used first.
        let several = (0..<8).map { _ in malloc(bigSize)! }
        defer { for place in several { free(place) } }
        let big = several.last!
        #expect(ArrayMemory.isOwnMapping(big + 32, count: bigSize - 32))
        #expect(!ArrayMemory.isOwnMapping(big + 32, count: 2 * bigSize))
        #expect(!ArrayMemory.isOwnMapping(big + 48, count: 1000))
    }
}
