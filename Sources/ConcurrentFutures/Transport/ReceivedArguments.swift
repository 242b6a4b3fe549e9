/// The file of a request's arguments, as its worker has it, for as long as the request takes.
///
/// Big arrays among them have the file's own pages. The host writes to the file again when it has been answered, so they get others before, if they live as long: if the function has kept them.
///
/// It belongs to the task thread.
final class ReceivedArguments: PageLender {
    private let mapping: MemoryMapping
    private let count: Int
    /// Only if there can be an array that is big.
    private let descriptor: Descriptor?
    private let identity: Descriptor.Identity?
    private var loans: [PageLoan] = []
    private let origin: UnsafeMutablePointer<ByteOrigin>

    init(_ descriptor: Descriptor, _ mapping: MemoryMapping, count: Int) {
        self.mapping = mapping
        self.count = count
        self.descriptor = count >= LentPages.leastBytes ? descriptor : nil
        identity = self.descriptor?.identity
        origin = .allocate(capacity: 1)
        origin.initialize(to: ByteOrigin(lent: nil, lender: nil))
        if self.descriptor != nil { origin.pointee.lender = self }
    }

    deinit {
        origin.deinitialize(count: 1)
        origin.deallocate()
        // What the task has closed is not closed again: the descriptor's number may be another's.
        if let descriptor, descriptor.identity != identity { _ = Unmanaged.passRetained(descriptor) }
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: mapping.base + WarmFile.headerSize, count: count)
    }

    /// For who decodes the bytes; valid as long as this object.
    var byteOrigin: UnsafePointer<ByteOrigin> { UnsafePointer(origin) }

    func lend(_ bytes: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer) -> LentPages? {
        guard let descriptor, let start = bytes.baseAddress, descriptor.identity == identity else { return nil }
        let offset = start - UnsafeRawPointer(mapping.base)
        // Whatever is decoded with the arguments could be from elsewhere.
        guard offset >= 0, offset + bytes.count <= mapping.count else { return nil }
        return LentPages(bytes, at: offset, of: descriptor, in: memory)
    }

    func note(_ pages: LentPages, borrower: AnyObject) {
        loans.append(PageLoan(pages.pages, borrower: borrower))
    }

    /// To be called before the host hears that it may write to the file.
    func endLoans() {
        for loan in loans { loan.end() }
        loans.removeAll()
    }
}
