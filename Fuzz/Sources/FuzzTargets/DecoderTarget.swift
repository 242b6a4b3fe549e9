import Foundation

@testable import ConcurrentFutures

/// The decoder: a byte that says which type, then a message.
struct DecoderTarget: FuzzTarget {
    let name = "decoder"
    /// Optionals of the biggest of the types, one byte each.
    let mostBytesPerByte = 3 * MemoryLayout<Everything?>.stride

    private struct Kind: Sendable {
        let samples: [[UInt8]]
        let read: @Sendable (UnsafeRawBufferPointer) -> Bool

        init<T: Codable & SendableMetatype>(_ samples: T...) {
            self.samples = samples.map(encoded)
            read = { bytes in
                var decoder = BinaryDecoder(bytes)
                return (try? decoder.decode(T.self)) != nil
            }
        }
    }

    private static let kinds: [Kind] = [
        Kind(42), Kind("short", String(repeating: "longer ", count: 30)), Kind(true), Kind(Data([1, 2, 3])),
        Kind([UInt8](0..<200)), Kind([1.5, -2]), Kind([1, 2, 3], [Int](repeating: -1, count: 300)), Kind([Int128(7)]),
        Kind([Int?.some(1), nil]), Kind(["a", nil, "b"]), Kind([[1], [], [2, 3]]), Kind([[["x"]]]),
        Kind(["a": [1]]), Kind([1: "a"]), Kind([Colour.red: 1]), Kind(Set([1])),
        Kind(Optional(Optional(3))), Kind(Record.sample), Kind([Record.sample, Record.sample]), Kind(Numbers()),
        Kind(Optionals(), Optionals(a: 1, f: Numbers(), g: 3)), Kind([Optionals()]),
        Kind(Shape.group([.empty, .circle(radius: 1)], of: .polygon(points: [[1]], name: nil))), Kind(Colour.blue),
        Kind(Dog()), Kind(Animal()), Kind(Tree(depth: 3)), Kind(JSONValue.sample),
        Kind([JSONValue.sample, .null], (0..<3000).map { JSONValue.string("\($0)") }),
        Kind(HandWritten()), Kind(Nested(levels: 5)), Kind(Everything()), Kind([Everything?.some(Everything()), nil]),
        Kind([Data([1]), Data()]), Kind(ContiguousArray([UInt8(1), 2])),
        Kind(RemoteError(CancellationError())), Kind(PoolError.Code.timedOut), Kind(CGPoint(x: 1, y: 2)),
    ]

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        guard let first = input.first else { return false }
        return Self.kinds[Int(first) % Self.kinds.count].read(UnsafeRawBufferPointer(rebasing: input.dropFirst()))
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard let first = input.first else { return input }
        let kind = mutator.roll(1...8) == 1 ? UInt8(mutator.roll(0...Self.kinds.count - 1)) : first
        return [kind] + EncodedMessage.change(input.dropFirst(), &mutator)
    }

    var seeds: [[UInt8]] {
        Self.kinds.enumerated().flatMap { index, kind in kind.samples.map { [UInt8(index)] + $0 } }
    }
}

func encoded<T: Encodable>(_ value: T) -> [UInt8] {
    var encoder = BinaryEncoder()
    do {
        try encoder.encode(value)
    } catch {
        fatalError("a sample cannot be encoded: \(error)")
    }
    return encoder.takeBytes()
}
