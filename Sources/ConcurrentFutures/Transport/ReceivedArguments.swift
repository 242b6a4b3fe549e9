/// The file of a request's arguments, as its worker has it, for as long as the request takes.
///
/// Big arrays among them have the file's own pages. The host writes to the file again when it has been answered, so they get others before, if they
/// live as long: if the function has kept them.
///
/// It belongs to the task thread.
final class ReceivedArguments: PageLender {
    private let mapping: MemoryMapping
    private let count: Int
    /// Only if there can be an array that is big.
    private let descriptor: Descriptor?
    private let identity: Descriptor.Identity?
    private var loans: [PageLoan] = []
    private let origin: UnsafeMutablePointer<ByteOrigin>?

    init(_ descriptor: Descriptor, _ mapping: MemoryMapping, count: Int) {
        self.mapping = mapping
        self.count = count
        guard count >= ArrayMemory.leastBytes else {
            self.descriptor = nil
            identity = nil
            origin = nil
            return
        }
        self.descriptor = descriptor
        identity = descriptor.identity
        origin = .allocate(capacity: 1)
        origin?.initialize(to: ByteOrigin(lent: nil, lender: self))
    }

    deinit {
        origin?.deinitialize(count: 1)
        origin?.deallocate()
        if let descriptor, descriptor.identity != identity { descriptor.abandon() }
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: mapping.base + WarmFile.headerSize, count: count)
    }

    /// For who decodes the bytes; valid as long as this object.
    var byteOrigin: UnsafePointer<ByteOrigin>? { origin.map { UnsafePointer($0) } }

    func lend(_ bytes: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer) -> PageLoan? {
        // What runs in this process may have closed it.
        guard let descriptor, let start = bytes.baseAddress, descriptor.identity == identity else { return nil }
        let offset = start - UnsafeRawPointer(mapping.base)
        guard offset >= 0, offset + bytes.count <= mapping.count,
            let loan = PageLoan.lend(bytes, at: offset, of: descriptor, to: memory)
        else { return nil }
        loans.append(loan)
        return loan
    }

    /// To be called before the host hears that it may write to the file.
    func endLoans() {
        for loan in loans { loan.end() }
        loans.removeAll()
    }
}
