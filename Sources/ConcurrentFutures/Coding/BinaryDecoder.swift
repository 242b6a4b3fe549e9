/// Turns bytes that a `BinaryEncoder` of the same binary has written into values, one after another.
///
/// It does not own the bytes: they must outlive it and must not change meanwhile. It believes nothing of them; whatever they
/// are, it returns a value or throws, and allocates no more than in proportion to how many they are.
///
/// Unchecked: the bytes are only read, and the session belongs to this one value, which cannot be copied.
@usableFromInline
struct BinaryDecoder: ~Copyable, @unchecked Sendable {
    private let reader: FormatReader
    private var position = 0
    private var session: DecodingSession?
    private let attachments: Attachments

    /// - Parameters:
    ///   - attachments: the files that have come with the bytes.
    ///   - origin: where the bytes are from, if that means anything. It must outlive the decoder.
    init(
        _ bytes: UnsafeRawBufferPointer,
        attachments: Attachments = .none,
        origin: UnsafePointer<ByteOrigin>? = nil
    ) {
        reader = FormatReader(bytes, origin: origin)
        self.attachments = attachments
    }

    var isAtEnd: Bool { position == reader.bytes.count }
    var remaining: Int { reader.bytes.count - position }

    /// Reads the next value.
    ///
    /// - Throws: `DecodingError` if the bytes are not such a value, and what the type's `init(from:)` throws. The same value is
    ///   next then.
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let start = position
        guard isDirect(type), let end = reader.end(of: start, limit: reader.bytes.count) else {
            return try decodeInSession(type)
        }
        let value = try reader.value(type, at: start, limit: end) { try decodeInSession(type) }
        position = end
        return value
    }

    private mutating func decodeInSession<T: Decodable>(_ type: T.Type) throws -> T {
        let session = freshSession()
        defer { session.finish() }
        let message = try session.open(reader, at: position, attachments)
        let value = try session.value(type, at: message.place)
        position = message.end
        return value
    }

    /// The session of the last message, unless somebody has kept it: a type may have stored its decoder.
    private mutating func freshSession() -> DecodingSession {
        if let session, isKnownUniquelyReferenced(&self.session) { return session }
        let session = DecodingSession()
        self.session = session
        return session
    }

    // MARK: For the layers that frame messages

    mutating func readByte() throws -> UInt8 { try read(UInt8.self) }
    mutating func readUInt32() throws -> UInt32 { try read(UInt32.self) }
    mutating func readUInt64() throws -> UInt64 { try read(UInt64.self) }

    /// The next bytes, valid as long as those the decoder was made with.
    mutating func readBytes(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else { throw Self.truncated }
        defer { position += count }
        return reader.slice(position..<position + count)
    }

    /// Where the next bytes are, if there are so many.
    @inline(__always)
    func peek(_ count: Int) -> UnsafeRawPointer? {
        count <= remaining ? reader.bytes.baseAddress.map { $0 + position } : nil
    }

    /// Passes over bytes that are there.
    @inline(__always)
    mutating func skip(_ count: Int) { position += count }

    /// The next value, if it is a number of that type; if not, it is still the next.
    @inline(__always)
    mutating func readTagged<Number: BinaryNumber>(_ type: Number.Type) -> Number? {
        guard let place = peek(1 + MemoryLayout<Number>.size), place.load(as: UInt8.self) == Number.tag else {
            return nil
        }
        skip(1 + MemoryLayout<Number>.size)
        return place.loadUnaligned(fromByteOffset: 1, as: type)
    }

    private mutating func read<Number: BinaryNumber>(_ type: Number.Type) throws -> Number {
        guard let number = reader.load(type, at: position, limit: reader.bytes.count) else { throw Self.truncated }
        position += MemoryLayout<Number>.size
        return number
    }

    private static var truncated: DecodingError {
        .dataCorrupted(DecodingError.Context(codingPath: [], debugDescription: "The bytes end too early."))
    }
}
