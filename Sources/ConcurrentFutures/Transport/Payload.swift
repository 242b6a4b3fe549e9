/// The arguments of a request: in this process's own memory, or, once they were sent so, in a memory file that nobody can write any more.
enum RequestPayload: Sendable {
    case small(SmallBytes)
    case bytes([UInt8])
    case file(MemoryFile)

    /// Puts the arguments where they travel best: a big one into a file, so that whoever sends it has nothing left to copy.
    ///
    /// While very many big ones wait, further ones stay bytes until they are sent: a file costs a descriptor.
    init(_ bytes: [UInt8]) {
        guard bytes.count > ChannelLayout.largestInlinePayload, let lease = Self.files.lease(),
            let file = try? Self.file(of: bytes, lease: lease)
        else {
            self = .bytes(bytes)
            return
        }
        self = .file(file)
    }

    /// A program may have some thousand descriptors, or no more than 256.
    private static let files = Lease.Stock(64)

    init(_ arguments: Payload) {
        switch arguments {
        case .small(let bytes): self = .small(bytes)
        case .bytes(let bytes): self.init(bytes)
        case .mapping: preconditionFailure("arguments are not encoded into a mapping")
        }
    }

    /// Copies the bytes into memory of this process.
    init(copying bytes: UnsafeRawBufferPointer) {
        self = bytes.count <= SmallBytes.capacity ? .small(SmallBytes(bytes)) : .bytes([UInt8](bytes))
    }

    /// The payload in a file, whatever its size.
    func inFile() throws(SystemError) -> MemoryFile {
        switch self {
        case .small(let bytes): try Self.file(of: bytes.withUnsafeBytes([UInt8].init), lease: nil)
        case .bytes(let bytes): try Self.file(of: bytes, lease: nil)
        case .file(let file): file
        }
    }

    private static func file(of bytes: [UInt8], lease: Lease?) throws(SystemError) -> MemoryFile {
        try bytes.span.bytes.withUnsafeBytes { bytes throws(SystemError) in
            try MemoryFile(sealing: bytes, name: "cf-arguments", lease: lease)
        }
    }

    var count: Int {
        switch self {
        case .small(let bytes): bytes.count
        case .bytes(let bytes): bytes.count
        case .file(let file): file.size
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
        case .file: preconditionFailure("what is in a file is not copied")
        }
    }
}

/// Bytes that have come: in this process's own memory, or in a memory file that nobody can write any more.
enum Payload: Sendable {
    case small(SmallBytes)
    case bytes([UInt8])
    case mapping(MemoryMapping)

    /// Copies the bytes.
    init(copying bytes: UnsafeRawBufferPointer) {
        self = bytes.count <= SmallBytes.capacity ? .small(SmallBytes(bytes)) : .bytes([UInt8](bytes))
    }

    var count: Int {
        switch self {
        case .small(let bytes): bytes.count
        case .bytes(let bytes): bytes.count
        case .mapping(let mapping): mapping.count
        }
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        switch self {
        case .small(let bytes): try bytes.withUnsafeBytes(body)
        case .bytes(let bytes): try bytes.withUnsafeBytes(body)
        case .mapping(let mapping): try body(mapping.bytes)
        }
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

    /// Takes a file over that the other side has sealed; only then can it be read in place.
    convenience init(sealedBySender descriptor: Descriptor, count: Int) throws(SystemError) {
        try self.init(received: descriptor, required: [.shrink, .write], minimumSize: count, isFilled: true)
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
    private static let mappings = Lease.Stock(4096)
    /// So many bytes are copied in a tenth of a millisecond; as many mappings of more as there may be are 60 GB.
    private static let largestCopied = 1 << 20
}
