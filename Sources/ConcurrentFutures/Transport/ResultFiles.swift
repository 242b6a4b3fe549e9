import Glibc

/// The files in which a worker's big results travel, as the worker has them: each is lent to the host until that has read the result, and then
/// used again.
///
/// The host never relies on what is in them: see ``LentPayload``. There are at most two for at most 128 MiB, as long as the worker lives; a result
/// that is bigger has one of its own, and while both are lent others travel in files that are sealed.
///
/// It belongs to the task thread.
final class ResultFiles: WarmFileSource {
    private var files: [WarmFile] = []

    private static let mostKept = 2

    var threshold: Int { ChannelLayout.largestInlinePayload }

    func file(capacity: Int, insteadOf smaller: WarmFile?) -> WarmFile? {
        if let file = files.first(where: { $0 !== smaller && $0.isFree && $0.capacity >= capacity }) { return file }
        let place = files.firstIndex { $0 === smaller } ?? files.firstIndex { $0.isFree }
        guard place != nil || files.count < Self.mostKept else { return nil }
        guard let file = try? WarmFile(name: "cf-results", capacity: capacity, seals: [.shrink, .grow, .seal]) else {
            return nil
        }
        // A child that a task forks would otherwise share the file and could write into it.
        guard (try? file.keepFromChildren()) != nil else { return nil }
        if let place { files.remove(at: place) }
        if file.isSmallEnoughToKeep { files.append(file) }
        return file
    }
}

extension WarmFile {
    private var lentWord: SharedWord { SharedWord(at: header) }

    /// Whether the host may still read what is in it.
    var isLent: Bool { lentWord.load() != 0 }

    /// Whether it can be lent. What a task closed is not used again, nor closed: its descriptor's number may be another's.
    fileprivate var isFree: Bool { !isLent && isOpen }

    /// To be called before the host is told of the file.
    func lend() { lentWord.note(1) }

    /// Of a file that the host did not get.
    func takeBack() { lentWord.note(0) }
}

/// A worker's file, as the host has it.
final class LentFile: Sendable {
    fileprivate let mapping: MemoryMapping
    let identity: Descriptor.Identity?
    private let forkGeneration = CurrentProcess.forkGeneration

    /// - Parameter most: how many bytes it may have: its writer pays for no memory where it has holes, and its reader for addresses.
    /// - Throws: ``SystemError`` if the file can shrink, is bigger, or cannot be mapped.
    fileprivate init(_ descriptor: Descriptor, atMost most: Int, lease: Lease?) throws(SystemError) {
        let file = try MemoryFile(received: descriptor, required: .shrink, minimumSize: WarmFile.headerSize)
        guard file.size <= most else { throw SystemError("memory file too big", number: EINVAL) }
        // Writable for the one word by which it is given back.
        mapping = try MemoryMapping(file, count: file.size, writable: true, lease: lease)
        identity = descriptor.identity
    }

    /// Has the worker use it again, who may write into it from now on.
    fileprivate func giveBack() {
        // A forked process has not taken it in, and its parent may still read.
        guard forkGeneration == CurrentProcess.forkGeneration else { return }
        SharedWord(at: mapping.base).publish(0)
    }
}

/// The files of one worker that the host has mapped.
struct LentFiles {
    private var known: [LentFile] = []

    /// As many as a worker keeps.
    private static let mostKept = 2
    /// So many bytes are copied in some 20 µs, and a worker has its file back at once.
    private static let largestCopied = 256 * 1024

    /// Takes a result in.
    ///
    /// - Throws: ``SystemError`` if there is less memory behind the file than the result has bytes: a file that is all hole costs its sender
    ///   nothing, and whoever copies it as much as the sender likes; or if the file can shrink, is too small, or cannot be mapped.
    mutating func payload(in descriptor: Descriptor, count: Int, runs: [Range<Int>]) throws(SystemError) -> Payload {
        let file = try file(descriptor, count: count)
        let checked = try MemoryFile(received: descriptor, required: .shrink, minimumSize: count, isFilled: true)
        guard checked.size - WarmFile.headerSize >= count, file.mapping.count - WarmFile.headerSize >= count else {
            throw SystemError("memory file too small", number: EINVAL)
        }
        let payload = LentPayload(file, count: count, runs: runs)
        return count <= Self.largestCopied ? .bytes(payload.withCopy { [UInt8]($0) }) : .lent(payload)
    }

    private mutating func file(_ descriptor: Descriptor, count: Int) throws(SystemError) -> LentFile {
        let identity = descriptor.identity
        if let file = known.first(where: { $0.identity == identity }) { return file }
        // Of one that is not kept, all is for this result, rounded up.
        let most = max(WarmFile.largestKept, 4 * (count + WarmFile.headerSize))
        let file = try LentFile(descriptor, atMost: most, lease: MemoryFile.mappings.lease())
        guard file.mapping.count <= WarmFile.largestKept else { return file }
        known.append(file)
        if known.count > Self.mostKept { known.removeFirst() }
        return file
    }
}

/// A result in a worker's file, which the worker could still change: so all of it is copied before it is looked at, except what need not be
/// looked at.
final class LentPayload: Sendable {
    private let file: LentFile
    let count: Int
    private let runs: [Range<Int>]

    /// - Parameter runs: where the worker says that there is nothing but numbers; in order and within the count.
    fileprivate init(_ file: LentFile, count: Int, runs: [Range<Int>]) {
        self.file = file
        self.count = count
        self.runs = runs
    }

    deinit {
        file.giveBack()
    }

    private var bytes: UnsafeRawPointer { UnsafeRawPointer(file.mapping.base) + WarmFile.headerSize }

    /// Calls a closure with a copy of the bytes.
    func withCopy<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withCopy(without: []) { try body($0.all(count: count)) }
    }

    /// Calls a closure with a copy of the bytes in which the runs are missing, and with where these are.
    func withCopyAndOrigin<Result>(
        _ body: (UnsafeRawBufferPointer, UnsafePointer<ByteOrigin>) throws -> Result
    ) rethrows -> Result {
        try withCopy(without: runs) { lent in
            let origin = ByteOrigin(lent: lent, lender: LandingFiles.shared)
            return try withUnsafePointer(to: origin) { try body(lent.all(count: count), $0) }
        }
    }

    private func withCopy<Result>(
        without runs: [Range<Int>],
        _ body: (LentRuns) throws -> Result
    ) rethrows -> Result {
        // Of a big piece of memory that is asked for cleared, what is not written to costs nothing.
        guard let copy = calloc(count, 1) else { fatalError("no memory for a result of \(count) bytes") }
        defer { free(copy) }
        let lent = LentRuns(source: bytes, copy: copy, runs: runs)
        if runs.isEmpty { FreshMemory.prepare(UnsafeMutableRawBufferPointer(start: copy, count: count)) }
        lent.copyRest(count: count)
        return try body(lent)
    }

    /// The first byte, as it is now.
    var first: UInt8? { count > 0 ? bytes.load(as: UInt8.self) : nil }
}

extension LentRuns {
    fileprivate func all(count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: copy, count: count) }
}
