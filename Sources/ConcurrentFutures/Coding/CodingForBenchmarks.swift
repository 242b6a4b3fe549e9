// How the benchmarks reach the coder, which is nobody's to use but the pools'.

/// A value's bytes, got as those of a call's arguments are.
@_spi(Benchmarking)
public func encodeForBenchmarks<Value: Encodable>(_ value: Value) throws -> [UInt8] {
    try EncoderCache.withEncoder { encoder in
        try encoder.encode(value)
        return encoder.takeBytes()
    }
}

/// The value that was encoded.
@_spi(Benchmarking)
public func decodeForBenchmarks<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    try bytes.withUnsafeBytes { bytes in
        var decoder = BinaryDecoder(bytes)
        return try decoder.decode(type)
    }
}
