import Synchronization

/// The files of this process alone in whose pages big arrays of results lie: a copy into warm memory takes a third of what one takes into memory that
/// the system has to clear first.
///
/// A file is used again when its array has gone. There are at most four for at most 128 MiB, and none is kept while no pool has workers: an array that lives
/// then keeps the memory. Where all are lent, arrays have memory of their own.
final class LandingFiles: PageLender, Sendable {
    static var shared: LandingFiles { ofProcess.object }
    private static let ofProcess = PerProcess { LandingFiles() }

    private struct Landing {
        let file: WarmFile
        let loan: PageLoan
    }

    private struct State {
        /// How many pools have workers.
        var users = 0
        var free: [WarmFile] = []
        var landings: [Landing] = []
        /// Those that are being written to.
        var inUse = 0
    }

    private enum Offer {
        case none
        case file(WarmFile)
        /// One may be made; this one made room for it.
        case room(insteadOf: WarmFile?)
    }

    private static let most = 4

    private let state = Mutex(State())

    // MARK: Pools

    /// A pool has workers from now on, until it calls ``close()``.
    func open() {
        state.withLock { $0.users += 1 }
    }

    /// A pool has no workers any more. With the last one, what is kept is given back to the system.
    func close() {
        let (files, landings) = state.withLock { state -> ([WarmFile], [Landing]) in
            state.users -= 1
            guard state.users == 0 else { return ([], []) }
            defer {
                state.free = []
                state.landings = []
            }
            return (state.free, state.landings)
        }
        for landing in landings { Self.letGo(landing.file, lentBy: landing.loan) }
        for file in files { file.letGo() }
    }

    /// The file is not written to any more; the array that has its pages keeps them.
    private static func letGo(_ file: WarmFile, lentBy loan: PageLoan) {
        loan.forgive()
        file.letGo()
    }

    // MARK: Arrays

    func lend(_ bytes: UnsafeRawBufferPointer, to memory: UnsafeMutableRawPointer) -> PageLoan? {
        let gap = ArrayMemory.gap(at: WarmFile.headerSize)
        let capacity = gap + bytes.count
        guard WarmFile.size(for: capacity) <= WarmFile.largestKept,
            ArrayMemory.isOwnMapping(memory, count: bytes.count),
            let file = takeFile(capacity)
        else { return nil }
        let place = file.content + gap
        BigCopy.copy(bytes, to: place)
        // What runs in this process may have closed it.
        let loan =
            !file.isOpen
            ? nil
            : PageLoan.lend(
                UnsafeRawBufferPointer(start: place, count: bytes.count),
                at: WarmFile.headerSize + gap,
                of: file.file.descriptor,
                to: memory
            )
        let isKept = state.withLock { state in
            state.inUse -= 1
            guard state.users > 0 else { return false }
            if let loan { state.landings.append(Landing(file: file, loan: loan)) } else { state.free.append(file) }
            return true
        }
        if !isKept {
            loan?.forgive()
            file.letGo()
        }
        return loan
    }

    /// A file that nobody sees; it counts as in use.
    ///
    /// - Returns: `nil` if all are lent, no pool has workers, or there is not enough memory.
    private func takeFile(_ capacity: Int) -> WarmFile? {
        let offer = state.withLock { Self.take(capacity, from: &$0) }
        switch offer {
        case .none: return nil
        case .file(let file) where file.isOpen: return file
        case .file(let other), .room(insteadOf: let other?): other.letGo()
        case .room(insteadOf: nil): break
        }
        let made = try? WarmFile(name: "cf-landing", capacity: capacity, seals: [.shrink, .grow, .seal])
        if made == nil { state.withLock { $0.inUse -= 1 } }
        return made
    }

    private static func take(_ capacity: Int, from state: inout State) -> Offer {
        guard state.users > 0 else { return .none }
        // In place, so that each is looked at once: a loan may end at any time.
        let firstOver = state.landings.partition(by: \.loan.isOver)
        state.free += state.landings[firstOver...].map(\.file)
        state.landings.removeSubrange(firstOver...)
        // Not a bigger one: an array that lives long would keep all of that's memory.
        let size = WarmFile.size(for: capacity)
        if let index = state.free.lastIndex(where: { $0.file.size == size }) {
            state.inUse += 1
            return .file(state.free.remove(at: index))
        }
        var other: WarmFile?
        if state.free.count + state.landings.count + state.inUse >= most {
            guard !state.free.isEmpty else { return .none }
            other = state.free.removeFirst()
        }
        state.inUse += 1
        return .room(insteadOf: other)
    }
}
