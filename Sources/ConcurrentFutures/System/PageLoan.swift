import CSystemShims
import Glibc
import Synchronization

/// Pages of a memory file that lie where an array has its elements, in the place of a copy of them.
///
/// They are mapped private: who writes to the array gets pages of the array's own by that, and nothing reaches the file. But what is written to
/// the file may be seen in the array. So the file must not be written to before the loan is over.
final class PageLoan: @unchecked Sendable {
    private let pages: UnsafeMutableRawBufferPointer
    // Read by several threads, and written to only before any other can see it.
    private weak var borrower: AnyObject?
    private let isRepaid = Atomic(false)

    /// - Parameters:
    ///   - pages: where they lie.
    ///   - borrower: in whose memory that is.
    init(_ pages: UnsafeMutableRawBufferPointer, borrower: AnyObject) {
        self.pages = pages
        self.borrower = borrower
        Self.outstanding.add(self)
    }

    /// Whether nobody sees the file's pages through it any more.
    var isOver: Bool { isRepaid.load(ordering: .acquiring) || borrower == nil }

    /// Has the borrower keep what the pages hold, in memory of its own. For one that lives it takes half a millisecond for a MiB.
    func end() {
        guard !isRepaid.load(ordering: .acquiring) else { return }
        if let borrower {
            withExtendedLifetime(borrower) {
                cf_own_pages(pages.baseAddress, pages.count, Self.pageSize)
            }
        }
        isRepaid.store(true, ordering: .releasing)
    }

    static let pageSize = sysconf(Int32(_SC_PAGESIZE))

    // MARK: Forks

    /// A child would see for ever what is written to the files, while its parent believes the loans to be over.
    private static let outstanding = Outstanding()

    private final class Outstanding: Sendable {
        private let loans = Mutex<[PageLoan]>([])

        init() {
            cf_before_fork { PageLoan.outstanding.endAll() }
        }

        func add(_ loan: PageLoan) {
            loans.withLock { loans in
                loans.removeAll(where: \.isOver)
                loans.append(loan)
            }
        }

        private func endAll() {
            let loans = loans.withLock { $0 }
            for loan in loans { loan.end() }
        }
    }
}

/// Who has pages of memory files for arrays.
protocol PageLender: AnyObject {
    /// Puts bytes into an array's memory, most of them by mapping pages of a file there.
    ///
    /// - Parameters:
    ///   - bytes: what the array is to hold.
    ///   - memory: the array's elements, as many bytes; not written to before.
    /// - Returns: the pages; `nil` if it cannot be done, and then nothing was written.
    func lend(_ bytes: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer) -> LentPages?
    /// Takes note of who has borrowed what was just lent.
    func note(_ pages: LentPages, borrower: AnyObject)
}

/// Pages that lie in an array's memory.
struct LentPages {
    let pages: UnsafeMutableRawBufferPointer
    /// Of which they are.
    let file: WarmFile?
}

extension LentPages {
    /// Puts bytes of a file into an array's memory, its whole pages by mapping them there.
    ///
    /// - Parameters:
    ///   - bytes: where the file's bytes can be read.
    ///   - offset: where in the file they are.
    ///   - memory: the array's elements.
    /// - Returns: `nil` if the array's memory is not a mapping of its own, in which they lie as the bytes do in the file's pages; or if the system refuses.
    init?(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        of descriptor: Descriptor,
        in memory: UnsafeMutableRawPointer,
        file: WarmFile? = nil
    ) {
        let pageSize = PageLoan.pageSize
        let start = UInt(bitPattern: memory)
        let head = (pageSize - Int(start % UInt(pageSize))) % pageSize
        let count = (bytes.count - head) / pageSize * pageSize
        guard count > 0, (offset + head) % pageSize == 0, Self.canLie(in: memory, count: bytes.count) else {
            return nil
        }
        guard cf_map_pages(memory + head, count, descriptor.number, off_t(offset + head)) == 0 else { return nil }
        let tail = head + count
        memory.copyMemory(from: bytes.baseAddress!, byteCount: head)
        (memory + tail).copyMemory(from: bytes.baseAddress! + tail, byteCount: bytes.count - tail)
        pages = UnsafeMutableRawBufferPointer(start: memory + head, count: count)
        self.file = file
    }

    /// Whether the memory of an array, of so many bytes, is a mapping of its own.
    static func canLie(in memory: UnsafeMutableRawPointer, count: Int) -> Bool {
        cf_has_own_mapping(memory, count, PageLoan.pageSize) != 0
    }

    /// Where in its page an array's first element lies if its memory is a mapping of its own: behind what the allocator (16 bytes) and the array
    /// (32) keep there.
    static let offsetInPage = 48
    /// Smaller arrays most often have memory that was used before, which is as well written to.
    static let leastBytes = FreshMemory.least

    /// How many bytes are to be left out in a file before numbers, so that their pages can be lent.
    ///
    /// - Parameters:
    ///   - count: how many bytes the numbers are.
    ///   - offset: where they would be in the file without that.
    static func gap(before count: Int, at offset: Int) -> Int {
        guard count >= leastBytes else { return 0 }
        let pageSize = PageLoan.pageSize
        return ((offsetInPage - offset) % pageSize + pageSize) % pageSize
    }
}
