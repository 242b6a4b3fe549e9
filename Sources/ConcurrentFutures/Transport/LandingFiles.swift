import Synchronization

/// The files of this process alone in whose pages big arrays of results lie: a copy into warm memory takes a third of what one takes into memory that
/// the system has to clear first.
///
/// A file is used again when its array has gone. There are at most four of at most 128 MiB, until a pool's last worker has gone; an array that lives
/// then keeps the memory. Where all are lent, arrays have memory of their own.
final class LandingFiles: PageLender, Sendable {
    static let shared = LandingFiles()

    fileprivate struct Landing {
        let file: WarmFile
        let loan: PageLoan
    }

    fileprivate struct State {
        var free: [WarmFile] = []
        var landings: [Landing] = []
        /// Those that are being written to.
        var inUse = 0
        var forkGeneration = CurrentProcess.forkGeneration
    }

    fileprivate static let most = 4
    private static let largest = 128 << 20

    private let state = Mutex(State())

    func lend(_ bytes: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer) -> LentPages? {
        let capacity = bytes.count + LentPages.offsetInPage
        guard capacity <= Self.largest, LentPages.canLie(in: memory, count: bytes.count) else { return nil }
        guard let file = takeFile(capacity) else { return nil }
        let place = file.content + LentPages.offsetInPage
        BigCopy.copy(bytes, to: place)
        let lent = LentPages(
            UnsafeRawBufferPointer(start: place, count: bytes.count),
            at: WarmFile.headerSize + LentPages.offsetInPage,
            of: file.file.descriptor,
            in: memory,
            file: file
        )
        if lent == nil { state.withLock { $0.inUse -= 1 } }
        return lent
    }

    func note(_ pages: LentPages, borrower: AnyObject) {
        let landing = Landing(file: pages.file!, loan: PageLoan(pages.pages, borrower: borrower))
        state.withLock { state in
            state.inUse -= 1
            state.landings.append(landing)
        }
    }

    /// A file that nobody sees, the smallest of those that are big enough; it counts as in use.
    ///
    /// - Returns: `nil` if all are lent, or there is not enough memory.
    private func takeFile(_ capacity: Int) -> WarmFile? {
        let offer = state.withLock { $0.take(capacity) }
        switch offer {
        // What runs in this process may have closed it.
        case .file(let file) where file.isOpen: return file
        case .none: return nil
        // The memory of one that made room is given back here, without the lock.
        case .file, .room:
            let made = try? WarmFile(name: "cf-landing", capacity: capacity, seals: [.shrink, .grow, .seal])
            if made == nil { state.withLock { $0.inUse -= 1 } }
            return made
        }
    }

    /// Gives back to the system what nobody uses, and keeps nothing of what is lent.
    func close() {
        let state = state.withLock { state in
            defer {
                state.free = []
                state.landings = []
            }
            return state
        }
        withExtendedLifetime(state) {}
    }
}

extension LandingFiles.State {
    fileprivate enum Offer {
        case none
        case file(WarmFile)
        /// One may be made; this one made room for it.
        case room(insteadOf: WarmFile?)
    }

    /// What there is for so many bytes. It counts as in use.
    fileprivate mutating func take(_ capacity: Int) -> Offer {
        if forkGeneration != CurrentProcess.forkGeneration {
            // They are the parent's, who goes on using them.
            self = LandingFiles.State()
        }
        // In place, so that each is looked at once: a loan may end at any time.
        let firstOver = landings.partition(by: \.loan.isOver)
        free += landings[firstOver...].map(\.file)
        landings.removeSubrange(firstOver...)
        let fitting = free.indices.filter { free[$0].capacity >= capacity }
        if let index = fitting.min(by: { free[$0].capacity < free[$1].capacity }) {
            inUse += 1
            return .file(free.remove(at: index))
        }
        var smaller: WarmFile?
        if free.count + landings.count + inUse >= LandingFiles.most {
            guard !free.isEmpty else { return .none }
            smaller = free.removeFirst()
        }
        inUse += 1
        return .room(insteadOf: smaller)
    }
}
