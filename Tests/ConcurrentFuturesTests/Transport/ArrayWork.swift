import CSystemShims
import Foundation
import Synchronization

@testable import ConcurrentFutures

/// Above 32 MiB, so that an array's memory is a mapping of its own.
let bigSize = 33 << 20
/// Not all numbers are looked at, which would take long in a debug build, but several of each page.
let sampleStep = 512
let sampleCount = bigSize / sampleStep

/// What runs in a worker.
enum ArrayWork {
    nonisolated(unsafe) static var kept: [[UInt8]] = []
    nonisolated(unsafe) static var reader: Task<Set<UInt8>, Never>?
    nonisolated(unsafe) static var child: (pid: Int32, goOn: Int32) = (0, 0)
    static let isEnough = Atomic(false)

    /// The mapping of this process in which the middle of an array lies, as `/proc/self/maps` tells it.
    static func mapping(of bytes: [UInt8]) throws -> Substring? {
        let middle = bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress! + $0.count / 2) }
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
        return maps.first { line in
            let bounds = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            return bounds[0] <= middle && middle < bounds[1]
        }
    }

    /// Whether an array lies in pages of a memory file of this name.
    static func isLent(_ bytes: [UInt8], from name: String = "cf-arguments") throws -> Bool {
        guard let mapping = try mapping(of: bytes) else { return false }
        return mapping.contains("rw-p") && mapping.contains("memfd:\(name)")
    }

    /// Of several numbers of each page.
    static func sum(_ bytes: [UInt8]) -> Int {
        stride(from: 0, to: bytes.count, by: sampleStep).reduce(into: 0) { $0 &+= Int(bytes[$1]) }
    }

    @Sendable static func keep(_ bytes: [UInt8]) throws -> Bool {
        kept.append(bytes)
        return try isLent(bytes)
    }

    @Sendable static func sumsOfKept(_ bytes: [UInt8]) -> [Int] {
        kept.map { sum($0) } + [sum(bytes)]
    }

    @Sendable static func sums(_ first: [UInt8], _ several: Several) throws -> [Int] {
        let numbers = stride(from: 0, to: bigSize / 8, by: sampleStep).reduce(0) { $0 + Int(several.numbers[$1]) }
        let last = stride(from: 0, to: bigSize / 4, by: sampleStep).reduce(0) { $0 + Int(several.last[1][$1]) }
        guard try isLent(first), try isLent(several.bytes), try isLent(several.again) else { return [] }
        return [sum(first), sum(several.bytes), sum(several.again), numbers, last]
    }

    /// The first number, if the array is lent and all are the same.
    @Sendable static func number(_ bytes: [UInt8]) throws -> UInt8? {
        try isLent(bytes) && sum(bytes) == Int(bytes[0]) * ((bytes.count + sampleStep - 1) / sampleStep)
            ? bytes[0] : nil
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
                for index in stride(from: 0, to: bytes.count, by: sampleStep) { found.insert(bytes[index]) }
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
        for index in stride(from: 0, to: bytes.count, by: sampleStep) where bytes[index] != number { isSame = false }
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
        try ProcessWork.openDescriptors().contains("/dev/null") && sum(bytes) == 2 * sampleCount
    }
}

/// Several arrays, one of which is decoded twice.
struct Several: Codable, Sendable {
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
struct Undecodable: Codable, Sendable {
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
