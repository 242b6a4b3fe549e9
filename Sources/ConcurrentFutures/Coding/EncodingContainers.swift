/// What a type's `encode(to:)` gets: a place for one value.
struct ValueEncoder: Encoder {
    let session: EncodingSession
    let slot: EncodingSession.SlotID

    var codingPath: [any CodingKey] { session.path(to: slot) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        session.open(slot, as: .keyed)
        return KeyedEncodingContainer(KeyedValueEncoder(session: session, slot: slot))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        session.open(slot, as: .unkeyed)
        return UnkeyedValueEncoder(session: session, slot: slot)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleValueEncoder(session: session, slot: slot)
    }
}

/// The fields of a value.
struct KeyedValueEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    private let session: EncodingSession
    private let slot: EncodingSession.SlotID
    private let shape: Int?

    init(session: EncodingSession, slot: EncodingSession.SlotID) {
        self.session = session
        self.slot = slot
        shape = session.shape(of: Key.self)
    }

    var codingPath: [any CodingKey] { session.path(to: slot) }

    @inline(__always)
    private func append(_ key: Key, _ write: () throws -> Void) throws {
        try session.append(to: slot) {
            session.appendKey(key, shape: shape)
            try write()
        }
    }

    func encodeNil(forKey key: Key) throws { try append(key) { session.out.append(Tag.null) } }
    func encode(_ value: Bool, forKey key: Key) throws { try append(key) { session.append(value) } }
    func encode(_ value: String, forKey key: Key) throws { try append(key) { session.append(value) } }
    func encode(_ value: Int, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: Int8, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: Int16, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: Int32, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: Int64, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: Int128, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: UInt, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: UInt8, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: UInt16, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: UInt32, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: UInt64, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: UInt128, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: Float, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode(_ value: Double, forKey key: Key) throws { try append(key) { session.out.append(tagged: value) } }
    func encode<T: Encodable>(_ value: T, forKey key: Key) throws { try append(key) { try session.appendValue(value) } }

    func encodeIfPresent(_ value: Bool?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: String?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Int?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Int8?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Int16?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Int32?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Int64?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Int128?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: UInt?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: UInt128?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Float?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent(_ value: Double?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }
    func encodeIfPresent<T: Encodable>(_ value: T?, forKey key: Key) throws {
        if let value { try encode(value, forKey: key) } else { try encodeAbsence(of: key) }
    }

    private func encodeAbsence(of key: Key) throws { try append(key) { session.out.append(Tag.absent) } }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        let nested = session.appendNested(.keyed, to: slot) { session.appendKey(key, shape: shape) }
        return KeyedEncodingContainer(KeyedValueEncoder<NestedKey>(session: session, slot: nested))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        let nested = session.appendNested(.unkeyed, to: slot) { session.appendKey(key, shape: shape) }
        return UnkeyedValueEncoder(session: session, slot: nested)
    }

    func superEncoder() -> any Encoder {
        let nested = session.appendNested(.placeholder, to: slot) { session.appendKey(PathKey.super, shape: nil) }
        return ValueEncoder(session: session, slot: nested)
    }

    func superEncoder(forKey key: Key) -> any Encoder {
        let nested = session.appendNested(.placeholder, to: slot) { session.appendKey(key, shape: shape) }
        return ValueEncoder(session: session, slot: nested)
    }
}

/// The elements of a value.
struct UnkeyedValueEncoder: UnkeyedEncodingContainer {
    let session: EncodingSession
    let slot: EncodingSession.SlotID

    var codingPath: [any CodingKey] { session.path(to: slot) }
    var count: Int { session.count(of: slot) }

    func encodeNil() throws { try session.append(to: slot) { session.out.append(Tag.null) } }
    func encode(_ value: Bool) throws { try session.append(to: slot) { session.append(value) } }
    func encode(_ value: String) throws { try session.append(to: slot) { session.append(value) } }
    func encode(_ value: Int) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: Int8) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: Int16) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: Int32) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: Int64) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: Int128) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: UInt) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: UInt8) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: UInt16) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: UInt32) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: UInt64) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: UInt128) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: Float) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode(_ value: Double) throws { try session.append(to: slot) { session.out.append(tagged: value) } }
    func encode<T: Encodable>(_ value: T) throws { try session.append(to: slot) { try session.appendValue(value) } }

    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Int { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Int8 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Int16 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Int32 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Int64 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Int128 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == UInt { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == UInt8 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == UInt16 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == UInt32 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == UInt64 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == UInt128 { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Float { try encodeRun(sequence) }
    func encode<T: Sequence>(contentsOf sequence: T) throws where T.Element == Double { try encodeRun(sequence) }

    /// Numbers that lie in memory one after another are copied at once; `Data` encodes itself this way.
    private func encodeRun<S: Sequence>(_ numbers: S) throws where S.Element: BinaryNumber & Encodable {
        let count = numbers.withContiguousStorageIfAvailable { $0.count }
        guard let count else {
            for number in numbers { try session.append(to: slot) { session.out.append(tagged: number) } }
            return
        }
        guard count > 0 else { return }
        try session.append(to: slot, elements: count) {
            _ = numbers.withContiguousStorageIfAvailable { session.appendRun($0) }
        }
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy keyType: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        let nested = session.appendNested(.keyed, to: slot) {}
        return KeyedEncodingContainer(KeyedValueEncoder<NestedKey>(session: session, slot: nested))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        UnkeyedValueEncoder(session: session, slot: session.appendNested(.unkeyed, to: slot) {})
    }

    func superEncoder() -> any Encoder {
        ValueEncoder(session: session, slot: session.appendNested(.placeholder, to: slot) {})
    }
}

/// The value of a value that is just another one.
struct SingleValueEncoder: SingleValueEncodingContainer {
    let session: EncodingSession
    let slot: EncodingSession.SlotID

    var codingPath: [any CodingKey] { session.path(to: slot) }

    func encodeNil() throws { try session.appendSingle(to: slot, Int?.none) { session.out.append(Tag.null) } }
    func encode(_ value: Bool) throws { try session.appendSingle(to: slot, value) { session.append(value) } }
    func encode(_ value: String) throws { try session.appendSingle(to: slot, value) { session.append(value) } }
    func encode(_ value: Int) throws { try session.appendSingle(to: slot, value) { session.out.append(tagged: value) } }
    func encode(_ value: Int8) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: Int16) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: Int32) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: Int64) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: Int128) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: UInt) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: UInt8) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: UInt16) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: UInt32) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: UInt64) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: UInt128) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: Float) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode(_ value: Double) throws {
        try session.appendSingle(to: slot, value) { session.out.append(tagged: value) }
    }
    func encode<T: Encodable>(_ value: T) throws {
        try session.appendSingle(to: slot, value) { try session.appendValue(value) }
    }
}
