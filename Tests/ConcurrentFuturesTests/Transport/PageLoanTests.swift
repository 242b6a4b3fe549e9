import CSystemShims
import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

/// What runs in a worker.
enum ArrayWork {
    nonisolated(unsafe) static var kept: [[UInt8]] = []
    nonisolated(unsafe) static var reader: Task<Set<UInt8>, Never>?
    nonisolated(unsafe) static var child: (pid: Int32, goOn: Int32) = (0, 0)
    static let isEnough = Atomic(false)

    /// Whether the middle of an array lies in pages of a memory file of this name.
    static func isLent(_ bytes: [UInt8], from name: String = "cf-arguments") throws -> Bool {
        let middle = bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress! + $0.count / 2) }
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
        return maps.contains { line in
            let bounds = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            return bounds[0] <= middle && middle < bounds[1] && line.contains("rw-p") && line.contains("memfd:\(name)")
        }
    }

    /// Looks at several numbers of each page: all would take long in a debug build.
    static func sum(_ bytes: [UInt8]) -> Int {
        stride(from: 0, to: bytes.count, by: step).reduce(into: 0) { $0 &+= Int(bytes[$1]) }
    }

    @Sendable static func keep(_ bytes: [UInt8]) throws -> Bool {
        kept.append(bytes)
        return try isLent(bytes)
    }

    @Sendable static func sumsOfKept(_ bytes: [UInt8]) -> [Int] {
        kept.map { sum($0) } + [sum(bytes)]
    }

    @Sendable fileprivate static func sums(_ first: [UInt8], _ several: Several) throws -> [Int] {
        let numbers = stride(from: 0, to: size / 8, by: step).reduce(0) { $0 + Int(several.numbers[$1]) }
        let last = stride(from: 0, to: size / 4, by: step).reduce(0) { $0 + Int(several.last[1][$1]) }
        guard try isLent(first), try isLent(several.bytes), try isLent(several.again) else { return [] }
        return [sum(first), sum(several.bytes), sum(several.again), numbers, last]
    }

    /// The first number, if the array is lent and all are the same.
    @Sendable static func number(_ bytes: [UInt8]) throws -> UInt8? {
        try isLent(bytes) && sum(bytes) == Int(bytes[0]) * ((bytes.count + step - 1) / step) ? bytes[0] : nil
    }

    @Sendable static func numberLater(_ bytes: [UInt8]) async throws -> UInt8? {
        await Task.yield()
        return try number(bytes)
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

    /// Leaves a `Task` behind that reads the array until ``numbersRead(_:)`` is called.
    @Sendable static func leaveReader(_ bytes: [UInt8]) throws -> Bool {
        reader = Task.detached {
            var found: Set<UInt8> = []
            while true {
                let isLast = isEnough.load(ordering: .acquiring)
                for index in stride(from: 0, to: bytes.count, by: step) { found.insert(bytes[index]) }
                if isLast { return found }
            }
        }
        return try isLent(bytes)
    }

    @Sendable static func numbersRead(_ bytes: [UInt8]) async -> Set<UInt8> {
        isEnough.store(true, ordering: .releasing)
        return await reader!.value
    }

    /// Leaves a child behind that looks at the array when ``childIsRight(_:)`` is called.
    @Sendable static func leaveChild(_ bytes: [UInt8]) throws -> Bool {
        let wasLent = try isLent(bytes)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return false }
        let pid = bytes.withUnsafeBytes { forkedReader($0, of: 1, when: ends[0]) }
        close(ends[0])
        child = (pid, ends[1])
        return wasLent
    }

    @Sendable static func childIsRight(_ bytes: [UInt8]) -> Bool {
        var byte: UInt8 = 0
        write(child.goOn, &byte, 1)
        var status: Int32 = -1
        waitpid(child.pid, &status, 0)
        return status == 0
    }

    /// A child that waits for a byte, and then ends with 0 if all numbers are the same.
    static func forkedReader(_ bytes: UnsafeRawBufferPointer, of number: UInt8, when descriptor: Int32) -> Int32 {
        let pid = cf_fork()
        guard pid == 0 else { return pid }
        var byte: UInt8 = 0
        read(descriptor, &byte, 1)
        var isSame = true
        for index in stride(from: 0, to: bytes.count, by: step) where bytes[index] != number { isSame = false }
        cf_exit(isSame ? 0 : 1)
    }

    /// Closes the descriptors of the arguments' file, and has others under their numbers.
    @Sendable static func closeFile(_ bytes: [UInt8]) throws -> Bool {
        let wasLent = try isLent(bytes)
        for number in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap({ Int32($0) }) {
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
            guard target?.contains("cf-arguments") == true else { continue }
            let null = open("/dev/null", O_RDONLY)
            dup2(null, number)
            close(null)
        }
        return wasLent
    }

    @Sendable static func hasNullAndIsRight(_ bytes: [UInt8]) throws -> Bool {
        try ProcessWork.openDescriptors().contains("/dev/null") && sum(bytes) == 2 * samples
    }
}

/// What is done with landing files in a process of its own; it tells what is not as it should be.
private enum LandingWork {
    /// An array that lies in pages of a landing file.
    static func landed(_ number: UInt8, in files: LandingFiles, count: Int = size) -> [UInt8]? {
        var loan: PageLoan?
        let source = [UInt8](repeating: number, count: count)
        let array = [UInt8](unsafeUninitializedCapacity: count) { memory, initialized in
            source.withUnsafeBytes { loan = files.lend($0, to: UnsafeMutableRawPointer(memory.baseAddress!)) }
            initialized = count
        }
        loan?.note(borrower: array._owner!)
        return loan == nil ? nil : array
    }

    static func file(of array: [UInt8]) throws -> Substring? {
        let middle = array.withUnsafeBytes { UInt(bitPattern: $0.baseAddress! + $0.count / 2) }
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
        let line = maps.first { line in
            let bounds = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            return bounds[0] <= middle && middle < bounds[1]
        }
        return line?.split(separator: " ")[4]
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
        check(arrays.map { ArrayWork.sum($0) } == [1, 2, 6, 4].map { $0 * samples }, "something has changed")
        // A second pool's workers go, and then the first one's.
        files.open()
        files.close()
        check(landed(7, in: files) == nil, "the first pool's files were closed")
        files.close()
        check(landed(7, in: files) == nil, "lent after the last pool")
        check(try ProcessWork.openDescriptors().allSatisfy { !$0.contains("cf-landing") }, "a file is open")
        files.open()
        arrays[0] = landed(7, in: files) ?? []
        check(arrays.map { ArrayWork.sum($0) } == [7, 2, 6, 4].map { $0 * samples }, "something has changed later")
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
        guard try file(of: big) == place, ArrayWork.sum(small) == 2 * samples else { return ["the wrong file"] }
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
        if ArrayWork.sum(array) != 2 * samples { wrong.append("the array is wrong") }
        return wrong
    }
}

private struct Several: Codable, Sendable {
    var name = "several"
    var bytes: [UInt8]
    var again: [UInt8] = []
    var numbers: [Double]
    var last: [[Int32]]

    private enum Key: CodingKey { case name, bytes, numbers, last }

    init(bytes: [UInt8], numbers: [Double], last: [[Int32]]) {
        self.bytes = bytes
        self.numbers = numbers
        self.last = last
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        name = try container.decode(String.self, forKey: .name)
        bytes = try container.decode([UInt8].self, forKey: .bytes)
        again = try container.decode([UInt8].self, forKey: .bytes)
        numbers = try container.decode([Double].self, forKey: .numbers)
        last = try container.decode([[Int32]].self, forKey: .last)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(numbers, forKey: .numbers)
        try container.encode(last, forKey: .last)
    }
}

/// Cannot be decoded once its array has been.
private struct Undecodable: Codable, Sendable {
    struct Failure: Error {}
    var bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    init(from decoder: any Decoder) throws {
        bytes = try decoder.singleValueContainer().decode([UInt8].self)
        ArrayWork.kept.append(bytes)
        throw Failure()
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}

private let size = 33 << 20
private let step = 512
private let samples = size / step

@Suite("Big arrays whose pages are lent", .fewAtOnce, .timeLimit(.minutes(5)))
struct PageLoanTests {
    // MARK: Arguments

    private func bytes(_ number: UInt8, count: Int = size) -> [UInt8] { [UInt8](repeating: number, count: count) }

    @Test("have the pages of the arguments' file in a worker, and their own before the next ones come")
    func keptByFunction() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ArrayWork.keep, bytes(1)))
            #expect(try await pool.run(ArrayWork.keep, bytes(2, count: size + 5)))
            for number in UInt8(3)..<6 {
                let sums = try await pool.run(ArrayWork.sumsOfKept, bytes(number))
                #expect(sums == [samples, 2 * (samples + 1), Int(number) * samples])
            }
        }
    }

    @Test("are several's of one call, wherever they lie in it, and however often they are read")
    func several() async throws {
        let several = Several(
            bytes: bytes(1),
            numbers: [Double](repeating: 2, count: size / 8),
            last: [[1, 2], [Int32](repeating: 3, count: size / 4)]
        )
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let sums = try await pool.run(ArrayWork.sums, bytes(4), several)
            #expect(sums == [4 * samples, samples, samples, samples / 4, 3 * samples / 4])
        }
    }

    @Test("are given back when the arguments then cannot be decoded")
    func undecodable() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let error = await #expect(throws: PoolError.self) {
                try await pool.run({ (_: Undecodable) in 0 }, Undecodable(bytes: bytes(1)))
            }
            #expect(error?.code == .decodingFailed)
            #expect(try await pool.run(ArrayWork.sumsOfKept, bytes(2)) == [samples, 2 * samples])
        }
    }

    @Test("may be changed, which neither the caller nor the next attempt sees")
    func changed() async throws {
        let ones = bytes(1)
        var expected = ones
        for index in stride(from: 0, to: size, by: 1000) { expected[index] = 99 }
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            for _ in 0..<2 {
                let changed = try await pool.run(ArrayWork.change, ones)
                #expect(changed == expected)
            }
            let retried = try await pool.run(ArrayWork.dieOnce, ones, retry: RetryPolicy(maxAttempts: 2))
            #expect(retried == samples)
        }
        #expect(ArrayWork.sum(ones) == samples)
    }

    @Test("are lent to the items of a map, too, in batches, with limits of time and to async functions")
    func items() async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            let inputs = (UInt8(0)..<6).map { bytes($0, count: size + Int($0) * 4096 + Int($0)) }
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

    // MARK: Results

    @Sendable static func result(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: size) }

    @Test("of results are kept as they came, however many there are, and whatever becomes of the pool")
    func results() async throws {
        var results: [[UInt8]] = []
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            for number in UInt8(1)..<8 {
                results.append(try await pool.run(Self.result, number))
                if number == 3 { results[0] = try await pool.run(Self.result, 100) }
                if number == 5 { results[1][3 * step] = 200 }
            }
            #expect(try ArrayWork.isLent(results[2], from: "cf-landing"))
        }
        // Whoever comes next may use the same files.
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            for number in UInt8(20)..<23 { _ = try await pool.run(Self.result, number) }
        }
        for (result, number) in zip(results, [100, 2, 3, 4, 5, 6, 7]) {
            #expect(ArrayWork.sum(result) == samples * number + (number == 2 ? 198 : 0))
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
                let sums = kept.map { "\(ArrayWork.sum($0) / samples)" }
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

    @Test("are not lent to an array whose memory is not a mapping of its own")
    func ownMapping() {
        let small = UnsafeMutableRawPointer.allocate(byteCount: 1000, alignment: 16)
        defer { small.deallocate() }
        #expect(!ArrayMemory.isOwnMapping(small, count: 100))
        let big = malloc(size)!
        defer { free(big) }
        #expect(ArrayMemory.isOwnMapping(big + 32, count: size - 32))
        #expect(!ArrayMemory.isOwnMapping(big + 32, count: 2 * size))
        #expect(!ArrayMemory.isOwnMapping(big + 48, count: 1000))
    }
}
