import Foundation

@testable import ConcurrentFutures

func encoded<T: Encodable>(_ value: T) throws -> [UInt8] {
    var encoder = BinaryEncoder()
    try encoder.encode(value)
    return encoder.takeBytes()
}

/// With a gap before each run of numbers, as long ones have that go into a file.
func encodedSpaced<T: Encodable>(_ value: T) throws -> [UInt8] {
    var encoder = BinaryEncoder()
    encoder.setSource(NoFiles())
    encoder.session.out.leastSpaced = 1
    try encoder.encode(value)
    return encoder.takeBytes()
}

private final class NoFiles: WarmFileSource {
    let threshold = Int.max

    func file(capacity: Int, insteadOf smaller: WarmFile?) -> WarmFile? { nil }
}

func decoded<T: Decodable>(_ type: T.Type, from bytes: [UInt8]) throws -> T {
    try bytes.withUnsafeBytes { bytes in
        var decoder = BinaryDecoder(bytes)
        return try decoder.decode(type)
    }
}

func roundTrip<T: Codable>(_ value: T) throws -> T { try decoded(T.self, from: encoded(value)) }

/// What `JSONEncoder` and `JSONDecoder` make of a value.
func jsonRoundTrip<T: Codable>(_ value: T) throws -> T {
    let encoder = JSONEncoder()
    let decoder = JSONDecoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "+",
        negativeInfinity: "-",
        nan: "x"
    )
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
        positiveInfinity: "+",
        negativeInfinity: "-",
        nan: "x"
    )
    return try decoder.decode(T.self, from: encoder.encode(value))
}
