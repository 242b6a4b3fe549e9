import CSystemShims
import Glibc
import Synchronization

/// Pages of a memory file that lie where an array has its elements, in the place of a copy of them.
///
/// They are mapped private: who writes to the array gets pages of the array's own by that, and nothing reaches the file. But what is written to
/// the file may be seen in the array. So the file must not be written to before the loan is over.
///
/// What can change is written under the lock of all loans; the borrower is read without, but only by whom that has told the loan: that is what the unchecked conformance
/// rests on.
final class PageLoan: @unchecked Sendable {
    private let pages: UnsafeMutableRawBufferPointer
    /// Weak: a reference that counts would have each change to the array copy all of it.
    private weak var borrower: AnyObject?
    private let hasBorrower = Atomic(false)
    private let isRepaid = Atomic(false)

    private init(_ pages: UnsafeMutableRawBufferPointer) {
        self.pages = pages
    }

    /// Puts bytes of a file into an array's memory, its whole pages by mapping them there.
    ///
    /// - Parameters:
    ///   - bytes: where the file's bytes can be read.
    ///   - offset: where in the file they are.
    ///   - memory: the array's elements, not written to before. The array must live until ``note(borrower:)`` is called.
    /// - Returns: `nil` if that memory is not a mapping of its own, in which the bytes lie as they do in the file's pages; or if the system refuses. Then nothing was written.
    static func lend(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        of descriptor: Descriptor,
        to memory: UnsafeMutableRawPointer
    ) -> PageLoan? {
        guard let source = bytes.baseAddress, ArrayMemory.isOwnMapping(memory, count: bytes.count) else { return nil }
        let head = ArrayMemory.countBeforeSecondPage
        let count = (bytes.count - head) / ArrayMemory.pageSize * ArrayMemory.pageSize
        guard count > 0, (offset + head) % ArrayMemory.pageSize == 0 else { return nil }
        let pages = UnsafeMutableRawBufferPointer(start: memory + head, count: count)
        guard let loan = allLoans.add(pages, { map(descriptor, at: offset + head, to: pages) }) else { return nil }
        let tail = head + count
        memory.copyMemory(from: source, byteCount: head)
        (memory + tail).copyMemory(from: source + tail, byteCount: bytes.count - tail)
        return loan
    }

    private static func map(_ descriptor: Descriptor, at offset: Int, to pages: UnsafeMutableRawBufferPointer) -> Bool {
        let mapped = cf_map_pages(pages.baseAddress, pages.count, descriptor.number, off_t(offset))
        guard mapped != -2 else { fatalError("no memory for an array of \(pages.count) bytes") }
        return mapped == 0
    }

    /// Says in whose memory the pages lie: who was given the loan has to.
    func note(borrower: AnyObject) {
        Self.allLoans.withLock {
            self.borrower = borrower
            hasBorrower.store(true, ordering: .releasing)
        }
    }

    /// Whether nobody sees the file's pages through it any more.
    var isOver: Bool {
        if isRepaid.load(ordering: .acquiring) { return true }
        return hasBorrower.load(ordering: .acquiring) && borrower == nil
    }

    /// Has the borrower keep what the pages hold, in memory of its own, if it lives.
    func end() {
        Self.allLoans.withLock { endWithLock() }
    }

    private func endWithLock() {
        guard !isRepaid.load(ordering: .relaxed) else { return }
        if hasBorrower.load(ordering: .relaxed) {
            if let borrower { withExtendedLifetime(borrower) { ownPages() } }
        } else {
            ownPages()
        }
        isRepaid.store(true, ordering: .releasing)
    }

    private func ownPages() {
        cf_own_pages(pages.baseAddress, pages.count, ArrayMemory.pageSize)
    }

    /// Leaves the pages to the borrower: the file will not be written to any more.
    func forgive() {
        isRepaid.store(true, ordering: .releasing)
    }

    // MARK: Forks

    /// A child would see for ever what is written to the files, while its parent believes the loans to be over. So all are ended before a fork, and none begins meanwhile.
    private static let allLoans = Loans()

    private final class Loans: Sendable {
        private let loans = Lock<[PageLoan]>([])
        private let endBeforeForks: Bool

        init() {
            endBeforeForks = cf_around_forks({ PageLoan.allLoans.endAll() }, { PageLoan.allLoans.goOn() }) != 0
        }

        func add(_ pages: UnsafeMutableRawBufferPointer, _ map: () -> Bool) -> PageLoan? {
            loans.withLock { loans in
                loans.removeAll(where: \.isOver)
                guard endBeforeForks, map() else { return nil }
                let loan = PageLoan(pages)
                loans.append(loan)
                return loan
            }
        }

        func withLock(_ body: () -> Void) {
            loans.withLock { _ in body() }
        }

        /// Ends all, and keeps the lock.
        private func endAll() {
            loans.acquire { loans in
                for loan in loans { loan.endWithLock() }
                loans = []
            }
        }

        /// In the parent, and in the child.
        private func goOn() {
            loans.release()
        }
    }
}
