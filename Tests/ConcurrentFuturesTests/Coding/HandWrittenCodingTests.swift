import Foundation
import Testing

@testable import ConcurrentFutures

/// Reads in another order than it writes, asks for what is not there, and skips.
private struct Contrary: Codable, Equatable {
    var values: [Int]
    enum CodingKeys: CodingKey { case a, b, c, d, missing }

    init(values: [Int]) { self.values = values }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(values[0], forKey: .a)
        try container.encodeIfPresent(Int?.none, forKey: .missing)
        try container.encode(["skipped": [Record.sample(3)]], forKey: .d)
        try container.encode(values[1], forKey: .b)
        try container.encodeNil(forKey: .c)
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        #expect(container.allKeys.map(\.stringValue).sorted() == ["a", "b", "c", "d"])
        #expect(container.contains(.c) && container.contains(.b) && !container.contains(.missing))
        let b = try container.decode(Int.self, forKey: .b)
        #expect(try container.decodeNil(forKey: .c))
        #expect(try !container.decodeNil(forKey: .a))
        #expect(try container.decodeIfPresent(Int.self, forKey: .c) == nil)
        #expect(try container.decodeIfPresent(Int.self, forKey: .missing) == nil)
        #expect(throws: DecodingError.self) { try container.decodeNil(forKey: .missing) }
        let a = try container.decode(Int.self, forKey: .a)
        #expect(try container.decode(Int.self, forKey: .a) == a)
        values = [a, b]
    }
}

private class Base: Codable {
    var name: String
    init(name: String) { self.name = name }
}

/// Keeps its superclass apart.
private final class Apart: Base {
    var size = 0
    enum CodingKeys: CodingKey { case size }

    init(name: String, size: Int) {
        self.size = size
        super.init(name: name)
    }

    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        size = try container.decode(Int.self, forKey: .size)
        try super.init(from: container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try super.encode(to: container.superEncoder())
        try container.encode(size, forKey: .size)
    }
}

/// Shares a container with its superclass.
private final class Together: Base {
    var size = 0
    enum CodingKeys: CodingKey { case size }

    init(name: String, size: Int) {
        self.size = size
        super.init(name: name)
    }

    required init(from decoder: any Decoder) throws {
        size = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .size)
        try super.init(from: decoder)
    }

    override func encode(to encoder: any Encoder) throws {
        try super.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(size, forKey: .size)
    }
}

/// Writes to its containers in turns, and fills super encoders long after it has asked for them.
private struct Weaver: Codable, Equatable {
    var numbers: [Int]
    enum CodingKeys: CodingKey { case left, right, list, late, single, own, unused, end }
    enum Inner: CodingKey { case x, y, deep }

    init(numbers: [Int]) { self.numbers = numbers }

    func encode(to encoder: any Encoder) throws {
        var own = encoder.container(keyedBy: CodingKeys.self)
        let late = own.superEncoder(forKey: .late)
        let single = own.superEncoder(forKey: .single)
        _ = own.superEncoder(forKey: .unused)
        var left = own.nestedContainer(keyedBy: Inner.self, forKey: .left)
        var right = own.nestedContainer(keyedBy: Inner.self, forKey: .right)
        var list = own.nestedUnkeyedContainer(forKey: .list)
        try left.encode(numbers[0], forKey: .x)
        try right.encode(numbers[1], forKey: .x)
        try list.encode(numbers[2])
        try own.encode(Record.sample(4), forKey: .own)
        var deep = left.nestedContainer(keyedBy: Inner.self, forKey: .deep)
        let first = list.superEncoder()
        let second = list.superEncoder()
        try right.encode(Record.sample(5), forKey: .y)
        try deep.encode(numbers[3], forKey: .y)
        var secondContainer = second.singleValueContainer()
        try secondContainer.encode(Record.sample(6))
        var element = list.nestedContainer(keyedBy: Inner.self)
        try numbers[4].encode(to: first)
        try element.encode(numbers[5], forKey: .x)
        try list.encode(contentsOf: numbers)
        try left.encode("end", forKey: .y)
        var lateContainer = late.unkeyedContainer()
        try lateContainer.encode(Record.sample(7))
        try own.encode(true, forKey: .end)
        try lateContainer.encode(numbers[6])
        try "single".encode(to: single)
        try deep.encode(numbers[7], forKey: .x)
        #expect(deep.codingPath.suffix(2).map(\.stringValue) == ["left", "deep"])
    }

    init(from decoder: any Decoder) throws {
        let own = try decoder.container(keyedBy: CodingKeys.self)
        #expect(own.allKeys.count == 8)
        let left = try own.nestedContainer(keyedBy: Inner.self, forKey: .left)
        let right = try own.nestedContainer(keyedBy: Inner.self, forKey: .right)
        let deep = try left.nestedContainer(keyedBy: Inner.self, forKey: .deep)
        var list = try own.nestedUnkeyedContainer(forKey: .list)
        var late = try own.superDecoder(forKey: .late).unkeyedContainer()
        var numbers = [try left.decode(Int.self, forKey: .x), try right.decode(Int.self, forKey: .x)]
        numbers.append(try list.decode(Int.self))
        numbers.append(try deep.decode(Int.self, forKey: .y))
        numbers.append(try Int(from: list.superDecoder()))
        #expect(try Record(from: list.superDecoder()) == .sample(6))
        numbers.append(try list.nestedContainer(keyedBy: Inner.self).decode(Int.self, forKey: .x))
        #expect(try late.decode(Record.self) == .sample(7))
        numbers.append(try late.decode(Int.self))
        numbers.append(try deep.decode(Int.self, forKey: .x))
        for number in numbers { #expect(try list.decode(Int.self) == number) }
        #expect(list.isAtEnd && late.isAtEnd && list.count == 4 + numbers.count)
        #expect(try own.decode(Record.self, forKey: .own) == .sample(4))
        #expect(try right.decode(Record.self, forKey: .y) == .sample(5))
        #expect(try left.decode(String.self, forKey: .y) == "end")
        #expect(try own.decode(String.self, forKey: .single) == "single")
        #expect(try own.decode(Empty.self, forKey: .unused) == Empty())
        #expect(try own.decode(Bool.self, forKey: .end))
        self.numbers = numbers
    }
}

/// Writes nothing at all.
private struct Silent: Codable, Equatable {
    init() {}
    init(from decoder: any Decoder) throws {}
    func encode(to encoder: any Encoder) throws {}
}

/// Goes on when a part of it cannot be encoded.
private struct Forgiving: Codable, Equatable {
    struct Broken: Codable {
        struct Error: Swift.Error {}
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            var nested = container.nestedUnkeyedContainer(forKey: .nested)
            try nested.encode("half")
            throw Error()
        }
        init() {}
        init(from decoder: any Decoder) throws { throw Error() }
        enum CodingKeys: CodingKey { case nested }
    }

    var list: [Int]
    enum CodingKeys: CodingKey { case broken, list }

    init(list: [Int]) { self.list = list }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        #expect(throws: Broken.Error.self) { try container.encode(Broken(), forKey: .broken) }
        var nested = container.nestedUnkeyedContainer(forKey: .list)
        for number in list {
            #expect(throws: Broken.Error.self) { try nested.encode(Broken()) }
            try nested.encode(number)
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        #expect(!container.contains(.broken))
        list = try container.decode([Int].self, forKey: .list)
    }
}

/// Any string as a key, in any order.
private struct Dynamic: Codable, Equatable {
    struct Key: CodingKey {
        let stringValue: String
        let intValue: Int?
        init?(stringValue: String) { return nil }
        init(intValue: Int) {
            stringValue = "\(intValue)"
            self.intValue = intValue
        }
    }

    var squares: [Int]

    init(squares: [Int]) { self.squares = squares }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (index, square) in squares.enumerated() { try container.encode(square, forKey: Key(intValue: index)) }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        #expect(container.allKeys.compactMap(\.intValue) == Array(0..<container.allKeys.count))
        squares = try container.allKeys.reversed().map { try container.decode(Int.self, forKey: $0) }.reversed()
    }
}

/// Keeps the decoder, and uses it after the container of its parent has gone on.
private struct Deferred: Decodable {
    let decoder: any Decoder
    init(from decoder: any Decoder) { self.decoder = decoder }
}

@Suite("Hand-written coders find what they wrote")
struct HandWrittenCodingTests {
    @Test("in another order, with keys skipped and missing")
    func contrary() throws {
        #expect(try roundTrip(Contrary(values: [1, 2])) == Contrary(values: [1, 2]))
        #expect(try roundTrip([Contrary(values: [1, 2]), Contrary(values: [3, 4])]).last?.values == [3, 4])
    }

    @Test("with a superclass in a place of its own")
    func superEncoder() throws {
        let copies = try roundTrip([Apart(name: "a", size: 1), Apart(name: "b", size: 2)])
        #expect(copies.map(\.name) == ["a", "b"] && copies.map(\.size) == [1, 2])
    }

    @Test("with a superclass in the same container")
    func sharedContainer() throws {
        let copies = try roundTrip([Together(name: "a", size: 1), Together(name: "b", size: 2)])
        #expect(copies.map(\.name) == ["a", "b"] && copies.map(\.size) == [1, 2])
    }

    @Test("when containers are written in turns")
    func weaver() throws {
        let weaver = Weaver(numbers: [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(try roundTrip(weaver) == weaver)
        #expect(try roundTrip([weaver, weaver]) == [weaver, weaver])
        #expect(try roundTrip(Wrapper2(a: weaver, b: 5)) == Wrapper2(a: weaver, b: 5))
    }

    private struct Wrapper2: Codable, Equatable { var a: Weaver, b: Int }

    @Test("when there is nothing")
    func silent() throws {
        #expect(try roundTrip(Silent()) == Silent())
        #expect(try roundTrip([Silent(), Silent()]).count == 2)
        #expect(try roundTrip(["a": Silent()]).count == 1)
    }

    @Test("when a part of them failed and left nothing behind")
    func forgiving() throws {
        #expect(try roundTrip(Forgiving(list: [1, 2, 3])) == Forgiving(list: [1, 2, 3]))
    }

    @Test("with keys that are numbers, many of them, backwards", arguments: [0, 5, 3000])
    func dynamic(_ count: Int) throws {
        let value = Dynamic(squares: (0..<count).map { $0 * $0 })
        #expect(try roundTrip(value) == value)
        #expect(try roundTrip([value, value]) == [value, value])
    }

    @Test("with a decoder that was kept for later")
    func deferred() throws {
        struct Later: Codable {
            var record: Record
            var number: Int
            init() { (record, number) = (.sample(3), 4) }
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                let deferred = try container.decode(Deferred.self, forKey: .record)
                number = try container.decode(Int.self, forKey: .number)
                record = try Record(from: deferred.decoder)
            }
        }
        #expect(try roundTrip(Later()).record == .sample(3))
    }

    @Test("but nothing once the message is done")
    func keptTooLong() throws {
        let bytes = try encoded(Record.sample(3))
        let deferred = try decoded(Deferred.self, from: bytes)
        #expect(throws: DecodingError.self) { try Record(from: deferred.decoder) }
        #expect(deferred.decoder.codingPath.isEmpty)
    }

    @Test("with more keys than a byte can number")
    func manyTypesOfKeys() throws {
        // Each specialisation of a generic type has a type of keys of its own.
        func nest<T: Codable & Equatable & Sendable>(_ value: T, _ depth: Int) throws {
            #expect(try roundTrip(value) == value)
            if depth > 0 { try nest(Wrapper(value: value), depth - 1) }
        }
        try nest(Record.sample(7), 20)
    }
}
