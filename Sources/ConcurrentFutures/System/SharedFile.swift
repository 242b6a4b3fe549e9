import CSystemShims
import Glibc
import Synchronization

/// A memory file that nobody can write any more, and that several processes read where it is. It travels as a descriptor.
///
/// One that came from elsewhere is believed nothing: its seals, its size and its memory are looked at before it is mapped.
final class SharedFile: Sendable {
    /// Closed with the last reference; a user of the file may hand it on at any time until then.
    let descriptor: Descriptor
    private let identity: Descriptor.Identity?
    /// Made when somebody first wants to read.
    private let mapping: Mutex<MemoryMapping?>

    private let lease: Lease?

    /// Takes over a file that came from a worker.
    ///
    /// - Throws: ``SystemError`` if so many of them are kept that this process would soon have no descriptors left for anything else.
    convenience init(sentByWorker descriptor: Descriptor) throws(SystemError) {
        guard let lease = Self.sentByWorkers.lease() else {
            throw SystemError("descriptors for shared arrays", number: EMFILE)
        }
        self.init(received: descriptor, lease: lease)
    }

    /// Who sends them decides how many there are; half of all descriptors are the program's own.
    private static let sentByWorkers = Lease.Stock(CurrentProcess.descriptorLimit / 2)

    /// Takes over a file that came from elsewhere.
    init(received descriptor: Descriptor, lease: Lease? = nil) {
        self.lease = lease
        self.descriptor = descriptor
        identity = descriptor.identity
        mapping = Mutex(nil)
    }

    /// Makes a file.
    ///
    /// - Parameters:
    ///   - count: its bytes; more than zero.
    ///   - fill: is lent them, all zero. They are real memory by then: if there is not enough, that is an error here, and not a signal later.
    /// - Throws: ``SystemError``, and what `fill` throws.
    init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
        // More than there is at all would not be refused but end the process, or another one.
        guard count / sysconf(Int32(_SC_PAGESIZE)) <= sysconf(Int32(_SC_PHYS_PAGES)) else {
            throw SystemError("memory", number: ENOMEM)
        }
        let file = try MemoryFile(name: "cf-shared", size: count)
        // Within a block, because the mapping must be gone before the file can be sealed.
        do {
            let writable = try MemoryMapping(file, count: count, writable: true)
            try writable.populate(file)
            try fill(UnsafeMutableRawBufferPointer(start: writable.base, count: count))
        }
        try file.add([.shrink, .grow, .write, .seal])
        lease = nil
        descriptor = file.descriptor
        identity = file.descriptor.identity
        mapping = Mutex(try MemoryMapping(file, count: count, writable: false))
    }

    /// The first bytes of the file, as long as the mapping is kept.
    ///
    /// - Throws: ``SystemError`` if the file is not sealed, is smaller, has holes, or cannot be mapped.
    func mapped(count: Int) throws(SystemError) -> MemoryMapping {
        try mapping.withLock { mapping throws(SystemError) in
            if let mapping, mapping.count >= count { return mapping }
            let file = try MemoryFile(sealedBySender: descriptor, count: count)
            let made = try MemoryMapping(file, count: count, writable: false)
            mapping = made
            return made
        }
    }

    /// Whether the descriptor is still the file's: a process that was forked from another has closed what it was not given.
    var isOpen: Bool { identity != nil && descriptor.identity == identity }
}

extension MemoryFile {
    /// Takes a file over that the other side has sealed; only then can it be read in place.
    convenience init(sealedBySender descriptor: Descriptor, count: Int) throws(SystemError) {
        try self.init(received: descriptor, required: [.shrink, .write], minimumSize: count, isFilled: true)
    }
}

extension MemoryMapping {
    /// Asks for huge pages, where the system gives them to those who ask; else it means nothing.
    func adviseHugePages() {
        _ = madvise(base, count, cf_hugepage)
    }

    /// Puts memory behind all of a writable mapping of a file.
    ///
    /// - Throws: ``SystemError`` if there is not so much.
    func populate(_ file: MemoryFile) throws(SystemError) {
        adviseHugePages()
        do {
            try retrying("madvise(MADV_POPULATE_WRITE)") { madvise(base, count, cf_populate_write) }
        } catch {
            // Kernels before 5.14 do not know it.
            guard error.number == EINVAL else {
                // What it calls a fault is that there is no memory.
                throw error.number == EFAULT ? SystemError(error.call, number: ENOMEM) : error
            }
            let number = posix_fallocate(file.descriptor.number, 0, off_t(count))
            guard number == 0 else { throw SystemError("posix_fallocate", number: number == ENOSPC ? ENOMEM : number) }
        }
    }
}
