import CSystemShims
import Glibc

/// A file that exists in memory alone and can be mapped by several processes; the system frees it with its last descriptor and mapping.
final class MemoryFile: Sendable {
    struct Seals: OptionSet, Sendable {
        let rawValue: Int32
        /// The file can no longer shrink: whoever has it mapped cannot be made to fault.
        static let shrink = Seals(rawValue: cf_seal_shrink)
        static let grow = Seals(rawValue: cf_seal_grow)
        /// Nobody can write any more, except through mappings that exist already.
        static let futureWrite = Seals(rawValue: cf_seal_future_write)
        /// Nobody can write any more; there must be no writable mapping.
        static let write = Seals(rawValue: cf_seal_write)
        /// No seal can be added.
        static let seal = Seals(rawValue: cf_seal_seal)
    }

    /// What `st_blocks` counts, whatever the file system's blocks are.
    private static let blockSize = 512

    let descriptor: Descriptor
    let size: Int
    /// Given back with the file.
    private let lease: Lease?

    /// Makes a file of zeroes.
    ///
    /// - Parameters:
    ///   - size: in bytes.
    ///   - lease: what the file is to keep as long as it lives.
    init(name: String, size: Int, lease: Lease? = nil) throws(SystemError) {
        let descriptor = try Descriptor(owning: try retrying("memfd_create") { cf_memfd_create(name) })
        try retrying("ftruncate") { ftruncate(descriptor.number, off_t(size)) }
        self.descriptor = descriptor
        self.size = size
        self.lease = lease
    }

    /// Takes over a file that came from elsewhere.
    ///
    /// - Parameters:
    ///   - required: seals that it must have, so that its sender can do no harm through it.
    ///   - minimumSize: the bytes that it must have.
    ///   - isFilled: whether so much memory must be behind it, too: a file that is all hole costs its sender nothing, and whoever copies it
    ///     as much as the sender likes.
    init(
        received descriptor: Descriptor,
        required: Seals,
        minimumSize: Int,
        isFilled: Bool = false
    ) throws(SystemError) {
        let seals = try retrying("fcntl(F_GET_SEALS)") { cf_get_seals(descriptor.number) }
        var status = stat()
        try retrying("fstat") { fstat(descriptor.number, &status) }
        guard Seals(rawValue: seals).isSuperset(of: required), Int(status.st_size) >= minimumSize, minimumSize >= 0
        else {
            throw SystemError("memory file without its seals or too small", number: EINVAL)
        }
        guard !isFilled || Int(status.st_blocks) >= minimumSize / Self.blockSize else {
            throw SystemError("memory file with holes", number: EINVAL)
        }
        self.descriptor = descriptor
        self.size = Int(status.st_size)
        lease = nil
    }

    func add(_ seals: Seals) throws(SystemError) {
        try retrying("fcntl(F_ADD_SEALS)") { cf_add_seals(descriptor.number, seals.rawValue) }
    }

    /// Writes bytes at a place of the file, without mapping it.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            done += try retrying("pwrite") {
                pwrite(descriptor.number, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            }
        }
    }

    /// The first bytes of the file, without mapping it; it must have so many.
    func read(count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { bytes, done in
            while done < count, failure == nil {
                do throws(SystemError) {
                    let got = try retrying("pread") {
                        pread(descriptor.number, bytes.baseAddress! + done, count - done, off_t(done))
                    }
                    if got == 0 { failure = SystemError("memory file too small", number: EINVAL) }
                    done += got
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// A part of a memory file in this process's address space, unmapped with its last reference.
final class MemoryMapping: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let count: Int
    /// Given back with the mapping.
    private let lease: Lease?

    /// Maps a whole file.
    ///
    /// - Parameters:
    ///   - writable: without it, writing to the mapping ends the process by a signal.
    ///   - lease: what the mapping is to keep as long as it lives.
    init(_ file: MemoryFile, count: Int, writable: Bool, lease: Lease? = nil) throws(SystemError) {
        let address = try Self.map(file, count: count, writable: writable)
        base = address
        self.count = count
        self.lease = lease
    }

    /// Maps the first `headerCount` bytes of a file, then its next `ringCount` bytes twice in a row, so that whatever lies in the ring lies
    /// in one piece, also where it goes round. Both counts must be multiples of the page size.
    init(
        ring file: MemoryFile,
        headerCount: Int,
        ringCount: Int,
        writable: Bool
    ) throws(SystemError) {
        count = headerCount + 2 * ringCount
        // Behind the end of the file there is nothing; the ring's second place is put there.
        base = try Self.map(file, count: count, writable: writable)
        lease = nil
        // If that fails, what there is goes with this object.
        let second = base + headerCount + ringCount
        _ = try Self.map(file, from: headerCount, count: ringCount, at: second, writable: writable)
    }

    /// - Parameter place: where to map it, in the place of what is mapped there; anywhere if `nil`.
    private static func map(
        _ file: MemoryFile,
        from offset: Int = 0,
        count: Int,
        at place: UnsafeMutableRawPointer? = nil,
        writable: Bool
    ) throws(SystemError) -> UnsafeMutableRawPointer {
        let address = mmap(
            place,
            count,
            writable ? PROT_READ | PROT_WRITE : PROT_READ,
            MAP_SHARED | (place == nil ? 0 : MAP_FIXED),
            file.descriptor.number,
            off_t(offset)
        )
        // Which is `MAP_FAILED`, but without the library that tells that: each worker comes here at its birth.
        guard let address, UInt(bitPattern: address) != .max else { throw SystemError("mmap") }
        return address
    }

    /// Keeps the mapping out of children that are forked from here on.
    func keepFromChildren() throws(SystemError) {
        try retrying("madvise") { madvise(base, count, cf_dontfork) }
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    deinit {
        munmap(base, count)
    }
}
