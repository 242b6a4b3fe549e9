/// One message that is being decoded.
///
/// Where a value stands is all that decoders and containers keep; how one came there is found out from the bytes, for the few
/// errors that ask. A decoder that a type has kept finds no bytes once the message is done.
final class DecodingSession {
    @exclusivity(unchecked) private(set) var reader = FormatReader(UnsafeRawBufferPointer(start: nil, count: 0))
    @exclusivity(unchecked) private var root = ValuePlace(offset: 0, limit: 0)
    @exclusivity(unchecked) private var keyTable: [UInt32] = []
    @exclusivity(unchecked) private var keyTableStart = 0
    @exclusivity(unchecked) var keys = KeyIndex()
    @exclusivity(unchecked) private var stack = StackBudget()
    @exclusivity(unchecked) private var paths = PathFinder()
    @exclusivity(unchecked) private(set) var attachments = Attachments.none

    // MARK: Messages

    /// Starts with the message at an offset and says where its value is and where it ends.
    func open(
        _ reader: FormatReader,
        at offset: Int,
        _ attachments: Attachments = .none
    ) throws -> (place: ValuePlace, end: Int) {
        self.reader = reader
        self.attachments = attachments
        keys.removeAll()
        keyTable.removeAll(keepingCapacity: true)
        stack.reset()
        paths.removeAll()
        let limit = reader.bytes.count
        guard let tag = reader.byte(at: offset, limit: limit) else { throw corrupted(at: offset, "There is no value.") }
        if tag != Tag.message {
            guard let end = reader.end(of: offset, limit: limit) else { throw corrupted(at: offset) }
            root = ValuePlace(offset: offset, limit: end)
            return (root, end)
        }
        guard let word = reader.word(Tag.message, at: offset, limit: limit) else { throw corrupted(at: offset) }
        let start = offset + Word.size
        root = ValuePlace(offset: start, limit: start + word.length)
        guard reader.end(of: start, limit: root.limit) == root.limit, let end = readKeyTable(at: root.limit) else {
            throw corrupted(at: offset)
        }
        return (root, end)
    }

    private func readKeyTable(at start: Int) -> Int? {
        let limit = reader.bytes.count
        guard let count = reader.load(UInt32.self, at: start, limit: limit), count <= KeyForm.maximumTableCount else {
            return nil
        }
        keyTableStart = start
        var offset = start + MemoryLayout<UInt32>.size
        for _ in 0..<count {
            guard let length = reader.byte(at: offset, limit: limit), Int(length) < limit - offset else { return nil }
            keyTable.append(UInt32(offset - start))
            offset += 1 + Int(length)
        }
        return offset
    }

    /// Forgets the bytes, which may be gone any time now.
    func finish() {
        reader = FormatReader(UnsafeRawBufferPointer(start: nil, count: 0))
        attachments = .none
    }

    /// A key as it is written in a field; nil if it is not in the table.
    func text(of key: FormatReader.Field.Key) -> UnsafeRawBufferPointer? {
        switch key {
        case .text(let text): return text
        case .entry(let entry):
            guard entry < keyTable.count else { return nil }
            let offset = keyTableStart + Int(keyTable[entry])
            guard let length = reader.byte(at: offset, limit: reader.bytes.count),
                Int(length) < reader.bytes.count - offset
            else { return nil }
            return reader.slice(offset + 1..<offset + 1 + Int(length))
        }
    }

    // MARK: Values

    @inline(__always)
    func value<T: Decodable>(_ type: T.Type, at place: ValuePlace) throws -> T {
        isDirect(type) ? try directValue(type, at: place) : try valueWithContainer(type, at: place)
    }

    /// Never inlined, and no part of the way to a type's `init(from:)`: its many temporaries would stay on the stack at each
    /// level of a recursion.
    @inline(never)
    private func directValue<T: Decodable>(_ type: T.Type, at place: ValuePlace) throws -> T {
        guard place.elementTag == nil else { return try valueWithContainer(type, at: place) }
        return try reader.value(type, at: place.offset, limit: place.limit) {
            try valueWithContainer(type, at: place)
        }
    }

    private func valueWithContainer<T: Decodable>(_ type: T.Type, at place: ValuePlace) throws -> T {
        if place.elementTag == nil,
            let bytes = reader.run(of: UInt8.self, at: place.offset, limit: place.limit),
            let data = DataTypes.make(type, of: bytes)
        {
            return data
        }
        guard stack.enter() else { throw corrupted(at: place.offset, "The value is nested too deeply.") }
        defer { stack.leave() }
        return try type.init(from: ValueDecoder(session: self, place: place))
    }

    @inline(__always)
    func number<Number: BinaryNumber>(_ type: Number.Type, at place: ValuePlace) throws -> Number {
        if place.elementTag == nil, let number = reader.number(type, at: place.offset, limit: place.limit) {
            return number
        }
        return try convertedNumber(type, at: place)
    }

    private func convertedNumber<Number: BinaryNumber>(_ type: Number.Type, at place: ValuePlace) throws -> Number {
        guard let tag = tag(at: place) else { throw corrupted(at: place.offset) }
        let offset = place.elementTag == nil ? place.offset + 1 : place.offset
        func signed<N: BinaryNumber & SignedInteger>(_: N.Type) -> AnyNumber? {
            reader.load(N.self, at: offset, limit: place.limit).map { .signed(Int128($0)) }
        }
        func unsigned<N: BinaryNumber & UnsignedInteger>(_: N.Type) -> AnyNumber? {
            reader.load(N.self, at: offset, limit: place.limit).map { .unsigned(UInt128($0)) }
        }
        func real<N: BinaryNumber & BinaryFloatingPoint>(_: N.Type) -> AnyNumber? {
            reader.load(N.self, at: offset, limit: place.limit).map { .real(Double($0)) }
        }
        let number: AnyNumber?
        switch tag {
        case Tag.int8: number = signed(Int8.self)
        case Tag.int16: number = signed(Int16.self)
        case Tag.int32: number = signed(Int32.self)
        case Tag.int64: number = signed(Int64.self)
        case Tag.int128: number = signed(Int128.self)
        case Tag.uint8: number = unsigned(UInt8.self)
        case Tag.uint16: number = unsigned(UInt16.self)
        case Tag.uint32: number = unsigned(UInt32.self)
        case Tag.uint64: number = unsigned(UInt64.self)
        case Tag.uint128: number = unsigned(UInt128.self)
        case Tag.float: number = real(Float.self)
        case Tag.double: number = real(Double.self)
        default: throw mismatch(type, at: place)
        }
        guard let number else { throw corrupted(at: place.offset) }
        guard let converted = Number(converting: number) else {
            throw corrupted(at: place.offset, "The number does not fit into \(type).")
        }
        return converted
    }

    func flag(at place: ValuePlace) throws -> Bool {
        switch tag(at: place) {
        case Tag.true: return true
        case Tag.false: return false
        default: throw mismatch(Bool.self, at: place)
        }
    }

    func string(at place: ValuePlace) throws -> String {
        guard place.elementTag == nil, let text = reader.text(at: place.offset, limit: place.limit) else {
            throw mismatch(String.self, at: place)
        }
        guard let string = FormatReader.string(validating: text) else {
            throw corrupted(at: place.offset, "The bytes of the string are not UTF-8.")
        }
        return string
    }

    /// The first byte of a value, or what stands for it in an element of a run.
    @inline(__always)
    func tag(at place: ValuePlace) -> UInt8? {
        place.elementTag ?? reader.byte(at: place.offset, limit: place.limit)
    }

    /// Whether there is nil, or nothing: a `superDecoder()` of a class whose superclass has encoded nothing.
    func isNil(at place: ValuePlace) -> Bool {
        switch tag(at: place) {
        case Tag.null, Tag.absent: true
        default: place.isMissing
        }
    }

    /// What every value of a user's type is asked when it is read; for containers within containers, with which a type may go as deep
    /// without one.
    func checkStack(at place: ValuePlace) throws {
        guard stack.hasRoom else { throw corrupted(at: place.offset, "The value is nested too deeply.") }
    }

    // MARK: Errors

    func path(to offset: Int) -> [any CodingKey] {
        paths.path(in: reader, from: root, to: offset) { key in
            text(of: key).map { PathKey(stringValue: String(decoding: $0, as: UTF8.self)) }
        }
    }

    func context(at offset: Int, _ description: String) -> DecodingError.Context {
        DecodingError.Context(codingPath: path(to: offset), debugDescription: description)
    }

    func corrupted(at offset: Int, _ description: String = "The bytes are not those of a value.") -> DecodingError {
        .dataCorrupted(context(at: offset, description))
    }

    func mismatch(_ type: Any.Type, at place: ValuePlace) -> DecodingError {
        if isNil(at: place) {
            return .valueNotFound(type, context(at: place.offset, "Expected \(type) and found nil."))
        }
        guard let tag = tag(at: place) else { return corrupted(at: place.offset) }
        return .typeMismatch(type, context(at: place.offset, "Expected \(type) and found \(Tag.name(tag))."))
    }
}

/// Where a value stands: its offset, what it must not exceed, and the tag of an element of a run, which has none of its own.
///
/// Two words, so that a decoder is three and needs no memory of its own when it is handed to a type.
struct ValuePlace {
    let offset: Int
    private let packed: UInt

    init(offset: Int, limit: Int, elementTag: UInt8 = 0) {
        self.offset = offset
        packed = UInt(limit) << 8 | UInt(elementTag)
    }

    /// A place without a value.
    static let missing = ValuePlace(offset: -1, limit: 0)

    var isMissing: Bool { offset < 0 }
    var limit: Int { Int(packed >> 8) }
    var elementTag: UInt8? {
        let tag = UInt8(truncatingIfNeeded: packed)
        return tag == 0 ? nil : tag
    }
}
