import Foundation
import Testing

@testable import ConcurrentFutures

/// A value, the type of which the test's argument list forgets.
struct Sample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: @Sendable () throws -> Void

    /// A sample that must survive, and survive as it does in JSON.
    init<T: Codable & Equatable & Sendable>(_ name: String, _ value: T) {
        testDescription = name
        check = {
            let result = try roundTrip(value)
            #expect(result == value)
            #expect(try result == jsonRoundTrip(value))
        }
    }

    /// A sample that JSON changes.
    init<T: Codable & Equatable & Sendable>(notInJSON name: String, _ value: T) {
        testDescription = name
        check = {
            let result = try roundTrip(value)
            #expect(result == value)
        }
    }
}

struct Record: Codable, Equatable, Sendable {
    var id: Int
    var name: String
    var weight: Double
    var isOpen: Bool
    var note: String?
    var parts: [Part]
    var colour: Colour
    var shape: Shape
    var small: Int8?
    var table: [String: [Int]]

    struct Part: Codable, Equatable, Sendable {
        var code: UInt16
        var ratio: Float
        var inner: Inner?
        struct Inner: Codable, Equatable, Sendable { var id: UInt64 }
    }

    enum Colour: String, Codable { case red, green }
    enum Shape: Codable, Equatable { case point, circle(radius: Double), polygon([Int], closed: Bool) }

    static func sample(_ n: Int) -> Record {
        Record(
            id: n,
            name: "record \(n) ü 🇪🇺",
            weight: Double(n) / 3,
            isOpen: n.isMultiple(of: 2),
            note: n.isMultiple(of: 3) ? nil : "note",
            parts: (0..<n % 4).map { Part(code: UInt16($0), ratio: 0.5, inner: $0 == 1 ? .init(id: .max) : nil) },
            colour: n.isMultiple(of: 2) ? .red : .green,
            shape: [.point, .circle(radius: 1.5), .polygon([1, 2, 3], closed: true)][n % 3],
            small: n.isMultiple(of: 5) ? nil : -3,
            table: ["a": [1, 2], "": []]
        )
    }
}

struct Empty: Codable, Equatable, Sendable {}
struct Wrapper<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable { var value: Value }
struct Numbers: Codable, Equatable, Sendable {
    var a = Int8.min, b = Int16.min, c = Int32.min, d = Int64.min, e = Int.min
    var f = UInt8.max, g = UInt16.max, h = UInt32.max, i = UInt64.max, j = UInt.max
    var k = Float.greatestFiniteMagnitude, l = Double.leastNonzeroMagnitude
}
struct Optionals: Codable, Equatable, Sendable {
    var a: Int?, b: String?, c: Bool?, d: Double?, e: [Int]?, f: Wrapper<Int?>?, g: UInt8?, h: Date?
}
enum IntKeyed: Int, Codable, CodingKeyRepresentable { case one = 1, two }
indirect enum Tree: Codable, Equatable, Sendable {
    case leaf(Int)
    case node(Tree, Tree)

    static func balanced(_ depth: Int) -> Tree {
        depth == 0 ? .leaf(7) : .node(balanced(depth - 1), balanced(depth - 1))
    }
}

@Suite("Encoded values come back")
struct RoundTripTests {
    static let samples: [Sample] = [
        Sample("true", true), Sample("false", false), Sample("Int", -5), Sample("Int.min", Int.min),
        Sample("UInt64.max", UInt64.max), Sample("Int8", Int8(-128)), Sample("Double", 1.1),
        Sample("infinity", Double.infinity), Sample("Float", Float(0.1)),
        Sample("Int128", Int128.min), Sample("UInt128", UInt128.max), Sample("string", "Zürich 🧵\0é"),
        Sample("empty string", ""), Sample("127 bytes", String(repeating: "x", count: 127)),
        Sample("128 bytes", String(repeating: "x", count: 128)),
        Sample("no Int", Int?.none), Sample("an Int", Int?.some(3)), Sample("no Bool", Bool?.none),
        Sample("a Bool", Bool?.some(false)), Sample("no String", String?.none), Sample("a String", String?.some("")),
        Sample("[Int]", [1, -2, .max]), Sample("[] of Int", [Int]()), Sample("[UInt8]", [UInt8](0...255)),
        Sample("[Double]", [1.5, -0.0, .pi]), Sample("[Float]", [Float(1), 2]), Sample("[Int128]", [Int128.max, 1]),
        Sample("[Bool]", [true, false]), Sample("[String]", ["a", "", "ß"]), Sample("[Int?]", [1, nil, 3]),
        Sample("[UInt16?]", [UInt16?.none, 7]), Sample("[String?]", ["a", nil]), Sample("[[Int]]", [[1], [], [2, 3]]),
        Sample("[[UInt8]?]", [[UInt8(1)], nil]), Sample("slice", ContiguousArray([1, 2, 3].dropFirst())),
        Sample("ContiguousArray", ContiguousArray([1.5, 2])), Sample("Set", Set(["a", "b", "c"])),
        Sample("Set of Int", Set(0..<100)), Sample("Range", 1..<5), Sample("ClosedRange", 1...5),
        Sample("[String: Int]", ["a": 1, "": 2, String(repeating: "k", count: 300): 3]),
        Sample("[Int: String]", [1: "a", -7: "b"]), Sample("[Double: Int]", [0.5: 1]),
        Sample("[IntKeyed: Int]", [IntKeyed.one: 1, .two: 2]), Sample("[:]", [String: Int]()),
        Sample("big dictionary", Dictionary(uniqueKeysWithValues: (0..<1000).map { ("key \($0)", $0) })),
        Sample("empty struct", Empty()), Sample("[empty struct]", [Empty(), Empty()]), Sample("numbers", Numbers()),
        Sample("all nil", Optionals()),
        Sample("none nil", Optionals(a: 1, b: "", c: true, d: 2, e: [], f: .init(value: 3))),
        Sample("nil within", Optionals(f: Wrapper(value: nil))), Sample("record", Record.sample(1)),
        Sample("records", (0..<50).map(Record.sample)),
        Sample("wrapped records", Wrapper(value: (0..<5).map(Record.sample))),
        Sample("tree", Tree.balanced(6)), Sample("date", Date(timeIntervalSince1970: 1_700_000_000)),
        Sample("UUID", UUID()), Sample("Data", Data([1, 2, 3])), Sample("no Data", Data()),
        Sample("slice of Data", Data([1, 2, 3, 4]).dropFirst()), Sample("[Data]", [Data([1]), Data(), Data([2, 3])]),
        Sample("wrapped Data", Wrapper(value: Data([9]))), Sample("Data?", Data?.some(Data([1]))),
        Sample("URL", URL(string: "https://example.org/a?b=c#d")!), Sample("Decimal", Decimal(string: "-123.456789")!),
        Sample("URL with base", Wrapper(value: URL(string: "https://example.org/x")!)),
        Sample("date components", DateComponents(year: 2024, month: 2)), Sample("index set", IndexSet([1, 2, 9])),
        Sample("locale", Locale(identifier: "de_CH")), Sample("remote error", RemoteError(CancellationError())),
        Sample(notInJSON: "-0.0", -0.0 as Double), Sample(notInJSON: "bits", (0.1 + 0.2).bitPattern),
    ]

    @Test("whatever they are, and as in JSON", arguments: samples)
    func survives(_ sample: Sample) throws { try sample.check() }

    @Test("a NaN keeps its payload")
    func nan() throws {
        let nan = Double(nan: 0x123, signaling: false)
        #expect(try roundTrip(nan).bitPattern == nan.bitPattern)
    }

    @Test("also when they are large")
    func large() throws {
        let text = String(repeating: "0123456789abcdeü", count: 300_000)
        #expect(try roundTrip(text) == text)
        let data = Data((0..<5_000_000).map { UInt8(truncatingIfNeeded: $0) })
        #expect(try roundTrip(data) == data)
        let numbers = (0..<500_000).map(Double.init)
        #expect(try roundTrip([numbers, numbers]) == [numbers, numbers])
    }

    @Test("one after another, and each can be read by itself")
    func several() throws {
        var encoder = BinaryEncoder()
        try encoder.encode(1)
        try encoder.encode(Record.sample(2))
        let third = encoder.count
        try encoder.encode("three")
        try encoder.encode(Record.sample(4))
        let bytes = encoder.takeBytes()
        let count = encoder.count
        #expect(count == 0)
        try bytes.withUnsafeBytes { bytes throws in
            var decoder = BinaryDecoder(bytes)
            #expect(try decoder.decode(Int.self) == 1)
            #expect(try decoder.decode(Record.self) == .sample(2))
            let remaining = decoder.remaining
            #expect(remaining == bytes.count - third)
            #expect(try decoder.decode(String.self) == "three")
            #expect(try decoder.decode(Record.self) == .sample(4))
            let isAtEnd = decoder.isAtEnd
            #expect(isAtEnd)
            var late = BinaryDecoder(UnsafeRawBufferPointer(rebasing: bytes[third...]))
            #expect(try late.decode(String.self) == "three")
        }
    }

    @Test("a key is written once for all records")
    func keysOnce() throws {
        let bytes = try encoded((0..<100).map { Wrapper(value: $0) })
        let key = Array("value".utf8)
        #expect(bytes.indices.count { bytes[$0...].starts(with: key) } == 1)
        #expect(bytes.count < 100 * 20 + 64)
    }

    @Test("what the layers above write between values comes back too")
    func raw() throws {
        var encoder = BinaryEncoder()
        encoder.append(UInt8(7))
        encoder.append(UInt32(8))
        encoder.append(UInt64(9))
        [1, 2, 3].withUnsafeBytes { encoder.append(contentsOf: $0) }
        try encoder.encode(10)
        try encoder.withUnsafeBytes { bytes throws in
            var decoder = BinaryDecoder(bytes)
            #expect(try decoder.readByte() == 7)
            #expect(try decoder.readUInt32() == 8)
            #expect(try decoder.readUInt64() == 9)
            #expect(try decoder.readBytes(24).elementsEqual([1, 2, 3].withUnsafeBytes(Array.init)))
            #expect(try decoder.decode(Int.self) == 10)
            #expect(throws: DecodingError.self) { _ = try decoder.readByte() }
            #expect(throws: DecodingError.self) { _ = try decoder.readBytes(-1) }
        }
    }

    @Test("a number may be read as another type that can hold it")
    func conversions() throws {
        #expect(try decoded(Int.self, from: encoded(UInt8(200))) == 200)
        #expect(try decoded(UInt8.self, from: encoded(200)) == 200)
        #expect(try decoded(Double.self, from: encoded(3)) == 3)
        #expect(try decoded(Int.self, from: encoded(3.0)) == 3)
        #expect(try decoded(Float.self, from: encoded(0.1)) == 0.1)
        #expect(try decoded([Int?].self, from: encoded([UInt8(1), 2])) == [1, 2])
        #expect(try decoded([Int].self, from: encoded(Data([1, 2]))) == [1, 2])
        #expect(try decoded(Data.self, from: encoded([1, 2])) == Data([1, 2]))
        #expect(throws: DecodingError.self) { try decoded(Int8.self, from: encoded(200)) }
        #expect(throws: DecodingError.self) { try decoded(Int.self, from: encoded(1.5)) }
        #expect(throws: DecodingError.self) { try decoded(UInt.self, from: encoded(-1)) }
        #expect(throws: DecodingError.self) { try decoded(Float.self, from: encoded(1e300)) }
    }
}
