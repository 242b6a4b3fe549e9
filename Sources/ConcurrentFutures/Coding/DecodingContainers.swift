/// What a type's `init(from:)` gets: the place of one value.
struct ValueDecoder: Decoder {
    let session: DecodingSession
    let place: ValuePlace

    var codingPath: [any CodingKey] { session.path(to: place.offset) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(KeyedValueDecoder(fields: try FieldCursor(session: session, place: place)))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try UnkeyedValueDecoder(session: session, place: place)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        SingleValueDecoder(session: session, place: place)
    }
}

/// The fields of a value.
struct KeyedValueDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let fields: FieldCursor
    private let shape: Int?

    init(fields: FieldCursor) {
        self.fields = fields
        shape = fields.session.keys.shape(of: Key.self)
    }

    private var session: DecodingSession { fields.session }

    var codingPath: [any CodingKey] { fields.path }

    var allKeys: [Key] {
        fields.keys.compactMap { text in Key(stringValue: text) ?? Int(text).flatMap(Key.init(intValue:)) }
    }

    func contains(_ key: Key) -> Bool { (try? place(of: key, consuming: false)) != nil }

    @inline(__always)
    private func place(of key: Key, consuming: Bool = true) throws -> ValuePlace? {
        let place = KeyIndex.place(of: key, shape: shape)
        switch fields.guess(place, consuming: consuming) {
        case .value(let value): return value
        case .absent: return nil
        case .miss: return try fields.search(key.stringValue, place: place, consuming: consuming)
        }
    }

    @inline(__always)
    private func existingPlace(of key: Key, consuming: Bool = true) throws -> ValuePlace {
        guard let place = try place(of: key, consuming: consuming) else { throw notFound(key) }
        return place
    }

    private func notFound(_ key: Key) -> DecodingError {
        .keyNotFound(
            key,
            DecodingError.Context(
                codingPath: codingPath,
                debugDescription: "There is no value for \"\(key.stringValue)\"."
            )
        )
    }

    /// The place of a key's value, or nil where there is no value or it is nil.
    @inline(__always)
    private func placeIfPresent(of key: Key) throws -> ValuePlace? {
        guard let place = try place(of: key), !session.isNil(at: place) else { return nil }
        return place
    }

    func decodeNil(forKey key: Key) throws -> Bool {
        let place = try existingPlace(of: key, consuming: false)
        return session.isNil(at: place)
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try session.flag(at: existingPlace(of: key)) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        try session.string(at: existingPlace(of: key))
    }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        try session.number(type, at: existingPlace(of: key))
    }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try session.value(type, at: existingPlace(of: key))
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
        try placeIfPresent(of: key).map(session.flag)
    }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        try placeIfPresent(of: key).map(session.string)
    }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: Int128.Type, forKey key: Key) throws -> Int128? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: UInt128.Type, forKey key: Key) throws -> UInt128? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
        try placeIfPresent(of: key).map { try session.number(type, at: $0) }
    }
    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        try placeIfPresent(of: key).map { try session.value(type, at: $0) }
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try nestedDecoder(existingPlace(of: key)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try nestedDecoder(existingPlace(of: key)).unkeyedContainer()
    }

    private func nestedDecoder(_ place: ValuePlace) throws -> ValueDecoder {
        try session.checkStack(at: place)
        return ValueDecoder(session: session, place: place)
    }

    func superDecoder() throws -> any Decoder {
        let place = try fields.search(PathKey.super.stringValue, place: nil, consuming: true)
        return try nestedDecoder(place ?? .missing)
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        try nestedDecoder(place(of: key) ?? .missing)
    }
}

/// The elements of a value.
struct UnkeyedValueDecoder: UnkeyedDecodingContainer {
    private let session: DecodingSession
    private var elements: ElementCursor

    init(session: DecodingSession, place: ValuePlace) throws {
        self.session = session
        elements = try ElementCursor(session: session, place: place)
    }

    var codingPath: [any CodingKey] { session.path(to: elements.container) }
    var count: Int? { elements.count }
    var isAtEnd: Bool { elements.isAtEnd }
    var currentIndex: Int { elements.index }

    /// Reads the next element and goes on to the one after it, unless reading throws.
    @inline(__always)
    private mutating func next<T>(_ type: T.Type, _ read: (DecodingSession, ValuePlace) throws -> T) throws -> T {
        let element = try elements.next(session, expecting: type)
        let value = try read(session, element.place)
        elements.advance(past: element)
        return value
    }

    mutating func decodeNil() throws -> Bool {
        let element = try elements.next(session, expecting: Any?.self)
        guard session.isNil(at: element.place) else { return false }
        elements.advance(past: element)
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try next(type) { try $0.flag(at: $1) } }
    mutating func decode(_ type: String.Type) throws -> String { try next(type) { try $0.string(at: $1) } }
    mutating func decode(_ type: Int.Type) throws -> Int { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: Int128.Type) throws -> Int128 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: Float.Type) throws -> Float { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode(_ type: Double.Type) throws -> Double { try next(type) { try $0.number(type, at: $1) } }
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try next(type) { try $0.value(type, at: $1) } }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try nextDecoder(for: KeyedDecodingContainer<NestedKey>.self) { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try nextDecoder(for: (any UnkeyedDecodingContainer).self) { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder {
        try nextDecoder(for: (any Decoder).self) { $0 }
    }

    private mutating func nextDecoder<T>(for type: T.Type, _ body: (ValueDecoder) throws -> T) throws -> T {
        try next(type) { session, place in
            try session.checkStack(at: place)
            return try body(ValueDecoder(session: session, place: place))
        }
    }
}

/// The value of a value that is just another one.
struct SingleValueDecoder: SingleValueDecodingContainer {
    let session: DecodingSession
    let place: ValuePlace

    var codingPath: [any CodingKey] { session.path(to: place.offset) }

    func decodeNil() -> Bool { session.isNil(at: place) }
    func decode(_ type: Bool.Type) throws -> Bool { try session.flag(at: place) }
    func decode(_ type: String.Type) throws -> String { try session.string(at: place) }
    func decode(_ type: Int.Type) throws -> Int { try session.number(type, at: place) }
    func decode(_ type: Int8.Type) throws -> Int8 { try session.number(type, at: place) }
    func decode(_ type: Int16.Type) throws -> Int16 { try session.number(type, at: place) }
    func decode(_ type: Int32.Type) throws -> Int32 { try session.number(type, at: place) }
    func decode(_ type: Int64.Type) throws -> Int64 { try session.number(type, at: place) }
    func decode(_ type: Int128.Type) throws -> Int128 { try session.number(type, at: place) }
    func decode(_ type: UInt.Type) throws -> UInt { try session.number(type, at: place) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try session.number(type, at: place) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try session.number(type, at: place) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try session.number(type, at: place) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try session.number(type, at: place) }
    func decode(_ type: UInt128.Type) throws -> UInt128 { try session.number(type, at: place) }
    func decode(_ type: Float.Type) throws -> Float { try session.number(type, at: place) }
    func decode(_ type: Double.Type) throws -> Double { try session.number(type, at: place) }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try session.value(type, at: place) }
}
