/// The arguments of a request: in this process's own memory or, if they are big, in a file that the worker cannot change.
enum RequestPayload: Sendable {
    case small(SmallBytes)
    case bytes([UInt8])
    case file(ArgumentFile)
    /// With the files that belong to it.
    indirect case attached(RequestPayload, [SharedFile])

    init(_ payload: RequestPayload, with attachments: [SharedFile]) {
        self = attachments.isEmpty ? payload : .attached(payload, attachments)
    }

    /// Copies the bytes into memory of this process.
    init(copying bytes: UnsafeRawBufferPointer) {
        self = bytes.count <= SmallBytes.capacity ? .small(SmallBytes(bytes)) : .bytes([UInt8](bytes))
    }

    /// The file of what is too big to travel otherwise; `nil` for what is not.
    ///
    /// Nearly always the arguments are in one since they were encoded. If there were too many then, or none could be made, they are copied now.
    func fileIfBig() throws(SystemError) -> ArgumentFile? {
        switch self {
        case .small: nil
        case .bytes(let bytes) where bytes.count <= ChannelLayout.largestInlinePayload: nil
        case .bytes(let bytes): try ArgumentFiles.shared.file(of: bytes)
        case .file(let file): file
        case .attached(let payload, _): try payload.fileIfBig()
        }
    }

    var attachments: [SharedFile] {
        if case .attached(_, let files) = self { files } else { [] }
    }

    var count: Int {
        switch self {
        case .small(let bytes): bytes.count
        case .bytes(let bytes): bytes.count
        case .file(let file): file.count
        case .attached(let payload, _): payload.count
        }
    }

    /// Copies the bytes to a place with room for them; not for those in a file.
    func copy(to place: UnsafeMutableRawPointer) {
        func copy(_ bytes: UnsafeRawBufferPointer) {
            UnsafeMutableRawBufferPointer(start: place, count: bytes.count).copyMemory(from: bytes)
        }
        switch self {
        case .small(let bytes): bytes.withUnsafeBytes(copy)
        case .bytes(let bytes): bytes.withUnsafeBytes(copy)
        case .attached(let payload, _): payload.copy(to: place)
        case .file: preconditionFailure("what is in a file is not copied")
        }
    }
}

extension BinaryEncoder {
    /// Gives away what has been encoded, for a request. What is left is to be removed.
    mutating func takeRequestPayload() -> RequestPayload {
        let attachments = takeAttachments()
        if count <= SmallBytes.capacity {
            return RequestPayload(withUnsafeBytes { .small(SmallBytes($0)) }, with: attachments)
        }
        guard count > ChannelLayout.largestInlinePayload, let (file, count) = takeFile() else {
            return RequestPayload(.bytes(takeBytes()), with: attachments)
        }
        return RequestPayload(.file(ArgumentFile(file, count: count)), with: attachments)
    }
}

/// Bytes that have come: in this process's own memory, in a memory file that nobody can write any more, or in one that is lent.
enum Payload: Sendable {
    case small(SmallBytes)
    case bytes([UInt8])
    case mapping(MemoryMapping)
    case lent(LentPayload)
    /// With the files that belong to it.
    indirect case attached(Payload, Attachments)
    /// The outcomes of a batch's items, which took so long together.
    indirect case batch([BatchPart], nanoseconds: UInt64)

    /// Copies the bytes.
    init(copying bytes: UnsafeRawBufferPointer) {
        self = bytes.count <= SmallBytes.capacity ? .small(SmallBytes(bytes)) : .bytes([UInt8](bytes))
    }

    init(_ payload: Payload, attachments: [SharedFile]) {
        self = attachments.isEmpty ? payload : .attached(payload, Attachments(attachments))
    }

    /// How many bytes there are, those of a batch's outcomes together.
    var count: Int {
        switch self {
        case .small(let bytes): bytes.count
        case .bytes(let bytes): bytes.count
        case .mapping(let mapping): mapping.count
        case .lent(let payload): payload.count
        case .attached(let payload, _): payload.count
        case .batch(let outcomes, _): outcomes.reduce(0) { $0 + $1.size }
        }
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        switch self {
        case .small(let bytes): try bytes.withUnsafeBytes(body)
        case .bytes(let bytes): try bytes.withUnsafeBytes(body)
        case .mapping(let mapping): try body(mapping.bytes)
        case .lent(let payload): try payload.withCopy(body)
        case .attached(let payload, _): try payload.withUnsafeBytes(body)
        case .batch: preconditionFailure("the outcomes of a batch do not lie in one piece")
        }
    }

    /// Lends a decoder of the bytes, and of the files that belong to them.
    func withDecoder<Result>(_ body: (inout BinaryDecoder) throws -> Result) rethrows -> Result {
        try withDecoder(.none, body)
    }

    private func withDecoder<Result>(
        _ attachments: Attachments,
        _ body: (inout BinaryDecoder) throws -> Result
    ) rethrows -> Result {
        switch self {
        case .attached(let payload, let attachments):
            return try payload.withDecoder(attachments, body)
        case .lent(let payload):
            return try payload.withCopyAndOrigin { bytes, origin in
                var decoder = BinaryDecoder(bytes, attachments: attachments, origin: origin)
                return try body(&decoder)
            }
        case .small, .bytes, .mapping, .batch:
            return try withUnsafeBytes { bytes in
                var decoder = BinaryDecoder(bytes, attachments: attachments)
                return try body(&decoder)
            }
        }
    }

    /// Whether the bytes are in this process's own memory, and are all.
    var isAtHand: Bool {
        switch self {
        case .small, .bytes: true
        case .mapping, .lent, .attached, .batch: false
        }
    }

    /// The first byte.
    var first: UInt8? {
        switch self {
        case .attached(let payload, _): payload.first
        case .lent(let payload): payload.first
        case .small, .bytes, .mapping, .batch: withUnsafeBytes(\.first)
        }
    }
}

/// A part of a batch's outcomes.
enum BatchPart: Sendable {
    case one(Payload)
    /// Each behind its length as a UInt64.
    case several(Payload)

    /// How many bytes it takes, lengths included.
    var size: Int {
        switch self {
        case .one(let outcome): MemoryLayout<UInt64>.size + outcome.count
        case .several(let outcomes): outcomes.count
        }
    }
}

extension BinaryEncoder {
    /// Gives away what has been encoded, with the files that belong to it, and is empty afterwards.
    mutating func takePayload() -> Payload {
        Payload(.bytes(takeBytes()), attachments: takeAttachments())
    }
}

extension MemoryFile {
    /// The message with which a payload's file travels. A socket carries no descriptor without a byte.
    static let announcement: [UInt8] = [1]

    /// Puts bytes into a file that neither side can change afterwards.
    convenience init(sealing bytes: UnsafeRawBufferPointer, name: String, lease: Lease? = nil) throws(SystemError) {
        try self.init(name: name, size: bytes.count, lease: lease)
        try write(bytes)
        try add([.shrink, .grow, .write, .seal])
    }

    /// Takes a payload over that is kept until somebody wants it.
    ///
    /// While very many are kept, further ones are copied unless they are very big.
    static func payload(received descriptor: Descriptor, count: Int) throws(SystemError) -> Payload {
        let file = try MemoryFile(sealedBySender: descriptor, count: count)
        let lease = mappings.lease()
        if lease == nil, count <= largestCopied { return .bytes(try file.read(count: count)) }
        return .mapping(try MemoryMapping(file, count: count, writable: false, lease: lease))
    }

    /// The system gives a process some 65,000 mappings, without which it can start no thread and take no memory.
    static let mappings = Lease.Stock(4096)
    /// So many bytes are copied in a tenth of a millisecond; as many mappings of more as there may be are 60 GB.
    private static let largestCopied = 1 << 20
}
