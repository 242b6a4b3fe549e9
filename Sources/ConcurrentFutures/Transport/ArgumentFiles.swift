import Synchronization

/// The files in which big arguments travel: used again when the worker that read them has answered, so that their memory need not be taken
/// from the system for each call.
///
/// A worker cannot write to them: they are sealed against it while only this process has them mapped. What is sent again after a crash is
/// therefore what was sent before.
///
/// There are at most 64 of them, because each is a descriptor and a program may have no more than 256. Four for at most 128 MiB are kept
/// while nobody uses them, until a pool's last worker has gone.
final class ArgumentFiles: WarmFileSource, Sendable {
    static var shared: ArgumentFiles { ofProcess.object }
    private static let ofProcess = PerProcess { ArgumentFiles() }

    private struct State {
        /// Nobody uses them; the one used last is the last.
        var free: [WarmFile] = []
        /// Not to be used again. Closed by somebody who holds no lock: giving memory back takes long.
        var surplus: [WarmFile] = []
    }

    private static let mostKept = 4
    private static let seals: MemoryFile.Seals = [.shrink, .grow, .futureWrite, .seal]
    private static let files = Lease.Stock(64)

    private let state = Mutex(State())
    private let hasSurplus = Atomic(false)

    var threshold: Int { ChannelLayout.largestInlinePayload }

    func file(capacity: Int, insteadOf smaller: WarmFile?) -> WarmFile? {
        closeSurplus()
        if let file = takeFree(capacity) { return file }
        guard let lease = Self.files.lease() else { return nil }
        return try? WarmFile(name: "cf-arguments", capacity: capacity, seals: Self.seals, lease: lease)
    }

    /// A file for arguments that are in this process's own memory, however many files there are.
    func file(of bytes: [UInt8]) throws(SystemError) -> ArgumentFile {
        let file =
            if let free = takeFree(bytes.count) {
                free
            } else {
                try WarmFile(name: "cf-arguments", capacity: bytes.count, seals: Self.seals)
            }
        bytes.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(start: file.content, count: bytes.count).copyMemory(from: bytes)
        }
        return ArgumentFile(file, count: bytes.count)
    }

    private func takeFree(_ capacity: Int) -> WarmFile? {
        state.withLock { state in
            let fitting = state.free.indices.filter { state.free[$0].capacity >= capacity }
            return fitting.min { state.free[$0].capacity < state.free[$1].capacity }.map { state.free.remove(at: $0) }
        }
    }

    /// Called when no worker reads a file any more. May be called with a lock held.
    fileprivate func giveBack(_ file: WarmFile) {
        state.withLock { state in
            if file.isSmallEnoughToKeep { state.free.append(file) } else { state.surplus.append(file) }
            if state.free.count > Self.mostKept { state.surplus.append(state.free.removeFirst()) }
            if !state.surplus.isEmpty { hasSurplus.store(true, ordering: .relaxed) }
        }
    }

    /// Gives back to the system what is not to be used again. Not to be called with a lock held.
    func closeSurplus() {
        guard hasSurplus.load(ordering: .relaxed) else { return }
        let surplus = state.withLock { state in
            hasSurplus.store(false, ordering: .relaxed)
            defer { state.surplus = [] }
            return state.surplus
        }
        for file in surplus { file.letGo() }
    }

    /// Gives back to the system all that nobody uses. Not to be called with a lock held.
    func closeFree() {
        let free = state.withLock { state in
            defer { state.free = [] }
            return state.free
        }
        for file in free { file.letGo() }
        closeSurplus()
    }
}

/// Arguments in a file; with its last reference the file may be used again.
final class ArgumentFile: Sendable {
    let file: WarmFile
    let count: Int
    private let files = ArgumentFiles.shared

    init(_ file: WarmFile, count: Int) {
        self.file = file
        self.count = count
    }

    deinit {
        // In a forked process it is its parent's, who goes on using it.
        if files === ArgumentFiles.shared { files.giveBack(file) } else { file.keep() }
    }
}

/// The arguments' files that a worker has mapped: it most likely gets them again, and then need not have its page tables filled anew.
struct ArgumentMappings {
    private var known: [(identity: Descriptor.Identity, mapping: MemoryMapping)] = []

    /// As many as the host keeps.
    private static let mostKept = 4

    /// The content of a file that has come.
    mutating func arguments(in descriptor: Descriptor, count: Int) throws(SystemError) -> ReceivedArguments {
        let identity = descriptor.identity
        if let index = known.firstIndex(where: { $0.identity == identity }) {
            let found = known.remove(at: index)
            known.append(found)
            return ReceivedArguments(descriptor, found.mapping, count: count)
        }
        let file = try MemoryFile(
            received: descriptor,
            required: [.shrink, .futureWrite],
            minimumSize: WarmFile.headerSize + count
        )
        let mapping = try MemoryMapping(file, count: file.size, writable: false)
        if let identity, file.size <= WarmFile.largestKept {
            known.append((identity, mapping))
            if known.count > Self.mostKept { known.removeFirst() }
        }
        return ReceivedArguments(descriptor, mapping, count: count)
    }
}
