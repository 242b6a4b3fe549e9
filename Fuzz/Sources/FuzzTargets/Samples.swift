import Foundation

// Types as users write them, of every kind that decodes itself in a way of its own. No sample has two keys in a dictionary, or two members in a set:
// their order, and so the sample's bytes, would differ from run to run.

struct Record: Codable, Equatable {
    var id: Int
    var name: String
    var weight: Double?
    var flags: [Bool] = []
    var tags: [String: Int] = [:]
    var next: [Record]?

    static let sample = Record(
        id: 7,
        name: "a record with a name that is not short",
        weight: 1.5,
        flags: [true, false],
        tags: ["a": 1],
        next: [Record(id: 8, name: "b")]
    )
}

struct Numbers: Codable, Equatable {
    var a: Int8 = -1, b: Int16 = -2, c: Int32 = -3, d: Int64 = -4, e: Int128 = -5
    var f: UInt8 = 1, g: UInt16 = 2, h: UInt32 = 3, i: UInt64 = 4, j: UInt128 = 5
    var k: Float = 0.5, l: Double = 0.25, m: Bool = true
}

struct Optionals: Codable, Equatable {
    var a: Int?, b: String?, c: [Int]?, d: Bool?, e: Double?, f: Numbers?, g: Int?, h: UInt8?
}

enum Shape: Codable, Equatable {
    case empty
    case circle(radius: Double)
    case polygon(points: [[Int]], name: String?)
    indirect case group([Shape], of: Shape?)
}

enum Colour: String, Codable { case red, green, blue }

class Animal: Codable, Equatable {
    var name = "animal"
    var legs = 4

    init() {}

    static func == (one: Animal, other: Animal) -> Bool {
        one.name == other.name && one.legs == other.legs && (one as? Dog)?.toys == (other as? Dog)?.toys
    }
}

final class Dog: Animal {
    var toys = ["ball": 1]

    private enum Key: CodingKey { case toys }

    override init() { super.init() }

    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        try super.init(from: container.superDecoder())
        toys = try container.decode([String: Int].self, forKey: .toys)
    }

    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(toys, forKey: .toys)
        try super.encode(to: container.superEncoder())
    }
}

final class Tree: Codable, Equatable {
    var value = 0
    var left: Tree?
    var right: Tree?

    init(depth: Int) {
        value = depth
        guard depth > 0 else { return }
        left = Tree(depth: depth - 1)
        right = Tree(depth: depth - 1)
    }

    static func == (one: Tree, other: Tree) -> Bool {
        one.value == other.value && one.left == other.left && one.right == other.right
    }
}

/// Tries what it might be.
enum JSONValue: Codable, Equatable {
    case null, bool(Bool), number(Double), string(String), array([JSONValue]), object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    static let sample: JSONValue = .object([
        "a": .array([
            .null, .bool(true), .number(1), .string("x"), .array([.array([]), .object([:])]), .object(["b": .null]),
        ])
    ])
}

/// Reads in another order than it writes, some of it twice, and through containers within containers.
struct HandWritten: Codable, Equatable {
    var numbers = [1, 2, 3]
    var point = (x: 1, y: 2)
    var names = ["a", "b"]

    private enum Key: CodingKey { case numbers, point, names, unknown }
    private enum PointKey: CodingKey { case x, y }

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        _ = container.allKeys
        _ = container.contains(.unknown)
        _ = container.codingPath
        var names = try container.nestedUnkeyedContainer(forKey: .names)
        self.names = []
        while !names.isAtEnd {
            if try !names.decodeNil() { self.names.append(try names.decode(String.self)) }
        }
        _ = names.currentIndex
        let point = try container.nestedContainer(keyedBy: PointKey.self, forKey: .point)
        self.point = (try point.decode(Int.self, forKey: .x), try point.decode(Int.self, forKey: .y))
        numbers = try container.decode([Int].self, forKey: .numbers)
        guard try container.decode([Int].self, forKey: .numbers) == numbers else {
            throw DecodingError.dataCorruptedError(
                forKey: .numbers,
                in: container,
                debugDescription: "two fields, two values"
            )
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(numbers, forKey: .numbers)
        var point = container.nestedContainer(keyedBy: PointKey.self, forKey: .point)
        try point.encode(self.point.y, forKey: .y)
        try point.encode(self.point.x, forKey: .x)
        var names = container.nestedUnkeyedContainer(forKey: .names)
        for name in self.names { try names.encode(name) }
    }

    static func == (one: HandWritten, other: HandWritten) -> Bool {
        one.numbers == other.numbers && one.point == other.point && one.names == other.names
    }
}

/// Containers within containers, with no type between them.
struct Nested: Codable, Equatable {
    var levels = 0

    init(levels: Int) { self.levels = levels }

    init(from decoder: any Decoder) throws { try descend(decoder.unkeyedContainer()) }

    private mutating func descend(_ container: any UnkeyedDecodingContainer) throws {
        var container = container
        levels += 1
        if !container.isAtEnd { try descend(container.nestedUnkeyedContainer()) }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for _ in 1..<max(levels, 1) { container = container.nestedUnkeyedContainer() }
    }
}

struct Everything: Codable, Equatable {
    var record = Record.sample
    var shape = Shape.polygon(points: [[1, 2], [3, 4]], name: "p")
    var colour: Colour? = .green
    var data = Data([1, 2, 3])
    var id = UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))
    var place = URL(string: "https://example.org/a?b=c")!
    var date = Date(timeIntervalSinceReferenceDate: 1000)
    var decimal = Decimal(12.5)
    var range = 1..<5
    var duration = Duration.seconds(3)
    var set: Set<Int> = [1]
    var dictionary = [1: "x"]
}

/// The error of a task.
struct Refused: Error, Codable, Equatable { var reason: String, codes: [Int] }
private struct Hidden: Error, Codable, Equatable { var number = 1 }
enum Failure: Error, Codable { case small(Int), big([Hidden2]) }
struct Hidden2: Codable { var name = "x" }
struct Wrapped<Content: Codable & Sendable>: Error, Codable { var content: Content }

let sampleErrors: [any Error] = [
    Refused(reason: "no", codes: [1, 2]), Hidden(), Failure.small(1), Failure.big([Hidden2()]),
    Wrapped(content: [1: "a"]),
    Wrapped(content: [Hidden2()]),
]
