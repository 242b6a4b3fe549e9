import Foundation
import Testing

@testable import ConcurrentFutures

private func path(of error: (any Error)?) -> [String]? {
    let context: DecodingError.Context? =
        switch error as? DecodingError {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): context
        case .keyNotFound(_, let context): context
        default: nil
        }
    return context?.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
}

@Suite("Coding errors say what and where")
struct CodingErrorTests {
    private struct Outer: Codable { var list: [Inner] }
    private struct Inner: Codable { var value: Int, name: String? }
    private struct OtherOuter: Codable { var list: [OtherInner] }
    private struct OtherInner: Codable { var value: String, name: String? }
    private struct LessOuter: Codable { var list: [LessInner] }
    private struct LessInner: Codable { var name: String? }

    private let bytes: [UInt8]

    init() throws { bytes = try encoded(Outer(list: [Inner(value: 1, name: "a"), Inner(value: 2, name: nil)])) }

    @Test("a value of another type")
    func mismatch() {
        let error = #expect(throws: DecodingError.self) { try decoded(OtherOuter.self, from: bytes) }
        guard case .typeMismatch = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(path(of: error) == ["list", "0", "value"])
    }

    @Test("a missing key")
    func missingKey() throws {
        let bytes = try encoded(LessOuter(list: [LessInner(name: "x")]))
        let error = #expect(throws: DecodingError.self) { try decoded(Outer.self, from: bytes) }
        guard case .keyNotFound(let key, _) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(key.stringValue == "value")
        #expect(path(of: error) == ["list", "0"])
    }

    @Test("nil where a value is needed")
    func missingValue() throws {
        let error = #expect(throws: DecodingError.self) { try decoded([Int].self, from: encoded([1, nil, 3])) }
        guard case .valueNotFound = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(path(of: error) == ["1"])
    }

    @Test("an element of a run of numbers")
    func elementOfRun() throws {
        let error = #expect(throws: DecodingError.self) { try decoded([UInt8].self, from: encoded([1, 2, 300])) }
        #expect(path(of: error) == ["2"])
    }

    @Test("more elements than there are")
    func tooManyElements() throws {
        struct Pair: Decodable {
            init(from decoder: any Decoder) throws {
                var container = try decoder.unkeyedContainer()
                _ = try (container.decode(Int.self), container.decode(Int.self))
            }
        }
        let error = #expect(throws: DecodingError.self) { try decoded(Pair.self, from: encoded([1])) }
        guard case .valueNotFound = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }

    @Test("a string that is not UTF-8")
    func invalidUTF8() throws {
        var bytes = try encoded("abc")
        bytes[2] = 0xFF
        let error = #expect(throws: DecodingError.self) { try decoded(String.self, from: bytes) }
        guard case .dataCorrupted = error else { return #expect(Bool(false), "\(String(describing: error))") }
        bytes = try encoded(String(repeating: "é", count: 500))
        bytes.removeLast()
        #expect(throws: DecodingError.self) { try decoded(String.self, from: bytes) }
    }

    @Test("a byte that is no Bool")
    func invalidBool() throws {
        for byte in UInt8.min...UInt8.max where byte != Tag.true && byte != Tag.false {
            #expect(throws: DecodingError.self) { try decoded(Bool.self, from: [byte]) }
        }
    }

    @Test("an end that comes too early, wherever it comes")
    func truncated() throws {
        let bytes = try encoded([Record.sample(3), Record.sample(4)])
        for count in bytes.indices {
            #expect(throws: DecodingError.self) { try decoded([Record].self, from: Array(bytes[..<count])) }
        }
    }

    @Test("what failed leaves the position, and the encoder's bytes, as they were")
    func positions() throws {
        struct Failing: Encodable {
            struct Failure: Error {}
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode("something")
                throw Failure()
            }
        }
        var encoder = BinaryEncoder()
        try encoder.encode("kept")
        let count = encoder.count
        #expect(throws: Failing.Failure.self) { try encoder.encode(Failing()) }
        let countAfterFailure = encoder.count
        #expect(countAfterFailure == count)
        try encoder.encode(Record.sample(5))
        encoder.truncate(to: count)
        try encoder.encode(6)
        try encoder.withUnsafeBytes { bytes throws in
            var decoder = BinaryDecoder(bytes)
            #expect(throws: DecodingError.self) { try decoder.decode(Record.self) }
            #expect(try decoder.decode(String.self) == "kept")
            #expect(throws: DecodingError.self) { try decoder.decode(Record.self) }
            #expect(try decoder.decode(Int.self) == 6)
            #expect(throws: DecodingError.self) { try decoder.decode(Int.self) }
        }
    }

    @Test("two values in one place")
    func twice() {
        struct Twice: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                try container.encode(1)
                try container.encode(2)
            }
        }
        #expect(throws: EncodingError.self) { try encoded(["key": Twice()]) }
    }
}

private indirect enum Chain: Codable {
    case end
    case link(Chain)

    static func of(_ length: Int) -> Chain {
        var chain = Chain.end
        for _ in 0..<length { chain = .link(chain) }
        return chain
    }
}

/// Encodes itself as itself, for ever.
private struct Endless: Codable {
    init() {}
    init(from decoder: any Decoder) throws { self = try decoder.singleValueContainer().decode(Endless.self) }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(self)
    }
}

@Suite("Recursion ends before the stack does")
struct RecursionTests {
    /// Runs a function on a thread with the smallest stack that we promise to work on.
    private func onSmallStack(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                body()
                continuation.resume()
            }
            thread.stackSize = 512 * 1024
            thread.start()
        }
    }

    @Test("ordinary depths work on a small stack", arguments: [1, 10, 30])
    func ordinary(_ depth: Int) async {
        await onSmallStack {
            let bytes = try? encoded(Chain.of(depth))
            let again = try? encoded(roundTrip(Chain.of(depth)))
            #expect(bytes != nil && bytes == again)
        }
    }

    @Test("ten thousand levels are refused, or work")
    func deep() async {
        await onSmallStack {
            var chain = Chain.of(10_000)
            do { _ = try encoded(chain) } catch { #expect(error is EncodingError) }
            // Taken apart level by level: freeing it at once would itself need a large stack.
            while case .link(let next) = chain { chain = next }
        }
    }

    @Test("endless encoding is refused")
    func endlessEncoding() async {
        await onSmallStack { #expect(throws: EncodingError.self) { try encoded(Endless()) } }
    }

    @Test("endless decoding is refused")
    func endlessDecoding() async {
        await onSmallStack { #expect(throws: DecodingError.self) { try decoded(Endless.self, from: encoded(1.5)) } }
    }

    @Test("bytes that are nested deeper than any encoder would are refused")
    func deepBytes() async {
        struct Nest: Decodable {
            init(from decoder: any Decoder) throws {
                var container = try decoder.unkeyedContainer()
                _ = try container.decode(Nest.self)
            }
        }
        await onSmallStack {
            let depth = 100_000
            var encoder = BinaryEncoder()
            for level in 1...depth {
                encoder.append(Word(Tag.unkeyed, length: (depth - level) * unkeyedHeaderSize).bits)
                encoder.append(UInt64(level < depth ? 1 : 0))
            }
            let bytes = encoder.takeBytes()
            #expect(throws: DecodingError.self) { try decoded(Nest.self, from: bytes) }
        }
    }

    /// Tries what it might be, as types for JSON do, and notes where the errors say that they happened.
    private enum Tried: Decodable {
        case flag, text, list([Tried]), fields([String: Tried])

        @TaskLocal static var places: Places?

        final class Places: @unchecked Sendable {
            var paths: [[String]] = []
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            self =
                try Self.tried { _ = try container.decode(Bool.self) }.map { .flag }
                ?? Self.tried { _ = try container.decode(String.self) }.map { .text }
                ?? Self.tried { try container.decode([Tried].self) }.map { .list($0) }
                ?? .fields(container.decode([String: Tried].self))
        }

        private static func tried<T>(_ body: () throws -> T) -> T? {
            do {
                return try body()
            } catch {
                places?.paths.append(path(of: error) ?? [])
                return nil
            }
        }
    }

    @Test("each of many errors in one message tells its own place")
    func manyErrors() throws {
        struct Written: Encodable {
            var a = true
            var b = ["x", "y"]
            var c = [["p"], ["q", "r"]]
            var d = ["k": ["s"]]
        }
        let places = Tried.Places()
        let bytes = try encoded([Written(), Written()])
        _ = try Tried.$places.withValue(places) { try decoded(Tried.self, from: bytes) }
        // Twice for a list, which is no flag and no text; three times for fields, which are no list either.
        func twice(_ path: [String]) -> [[String]] { [path, path] }
        func record(_ index: String) -> [[String]] {
            twice([index]) + [[index]]
                + twice([index, "b"]) + [[index, "b", "0"], [index, "b", "1"]]
                + twice([index, "c"]) + twice([index, "c", "0"]) + [[index, "c", "0", "0"]]
                + twice([index, "c", "1"]) + [[index, "c", "1", "0"], [index, "c", "1", "1"]]
                + twice([index, "d"]) + [[index, "d"]] + twice([index, "d", "k"]) + [[index, "d", "k", "0"]]
        }
        #expect(places.paths == [[], []] + record("0") + record("1"))
    }

    @Test("errors of elements far behind take no longer than of those in front")
    func errorsFarBehind() throws {
        let records = (0..<20_000).map { ["a": "\($0)", "b": "x"] }
        // Searching each path from the beginning took minutes.
        guard case .list(let read) = try decoded(Tried.self, from: encoded(records)) else {
            Issue.record("an array was written")
            return
        }
        #expect(read.count == records.count)
    }

    /// Goes down without a type of its own for each level.
    private struct Depth: Decodable {
        var levels = 0

        init(from decoder: any Decoder) throws {
            try descend(decoder.unkeyedContainer())
        }

        private mutating func descend(_ container: any UnkeyedDecodingContainer) throws {
            var container = container
            levels += 1
            if !container.isAtEnd { try descend(container.nestedUnkeyedContainer()) }
        }
    }

    @Test("containers nested too deeply are an error, also where no type stands between them")
    func deepContainers() throws {
        func nested(_ levels: Int) -> [UInt8] {
            var encoder = BinaryEncoder()
            for level in (0..<levels).reversed() {
                encoder.append(Word(Tag.unkeyed, length: level * unkeyedHeaderSize).bits)
                encoder.append(UInt64(level == 0 ? 0 : 1))
            }
            return encoder.takeBytes()
        }
        #expect(try decoded(Depth.self, from: nested(50)).levels == 50)
        #expect(throws: DecodingError.self) { try decoded(Depth.self, from: nested(100_000)) }
    }
}
