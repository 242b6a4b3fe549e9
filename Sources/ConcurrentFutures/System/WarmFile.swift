import CSystemShims
import Glibc

/// A memory file into which one message after another is written, through a mapping, for another process to read: the memory behind it stays,
/// which spares taking it from the system, cleared, for each message.
///
/// Invariant: the content is written by whoever holds the only reference that may write, and not while the reader of an earlier message may still
/// read it; who keeps the file sees to both.
final class WarmFile: @unchecked Sendable {
    /// What lies before the content, for those who keep the file.
    static let headerSize = 4096

    let file: MemoryFile
    private let identity: Descriptor.Identity?
    private let mapping: MemoryMapping

    /// Makes a file.
    ///
    /// - Parameters:
    ///   - capacity: how many bytes of content it must hold. It takes memory only for what is written.
    ///   - seals: are added once it is mapped.
    init(name: String, capacity: Int, seals: MemoryFile.Seals, lease: Lease? = nil) throws(SystemError) {
        guard capacity <= 1 << 46 else { throw SystemError("memory", number: ENOMEM) }
        let size = Self.size(for: capacity)
        file = try MemoryFile(name: name, size: size, lease: lease)
        mapping = try MemoryMapping(file, count: size, writable: true)
        mapping.adviseHugePages()
        try file.add(seals)
        identity = file.descriptor.identity
    }

    private static let smallestSize = 1 << 20
    /// Beside a power of two: else an array of so many bytes, which is not alone in its message, would need a file of twice that.
    private static let slack = 60 * 1024

    /// How big a file is that is made for so many bytes of content.
    static func size(for capacity: Int) -> Int {
        max(smallestSize, max(0, capacity - slack).nextPowerOfTwo) + slack + headerSize
    }

    /// How big a file is at most that is kept for further messages: it holds an array of 128 MiB.
    static let largestKept = size(for: 128 << 20)

    var isSmallEnoughToKeep: Bool { mapping.count <= Self.largestKept }

    var header: UnsafeMutableRawPointer { mapping.base }
    var content: UnsafeMutableRawPointer { mapping.base + Self.headerSize }
    var capacity: Int { mapping.count - Self.headerSize }

    /// Whether the descriptor is still the file's: what runs in this process may have closed all that it found.
    var isOpen: Bool { identity != nil && file.descriptor.identity == identity }

    /// To be called by who drops the last reference, where what runs in this process may have closed the descriptor.
    func letGo() {
        if !isOpen { file.descriptor.abandon() }
    }

    /// Keeps it for ever, whoever lets go of it: for one of a parent's, in a process that was forked.
    func keep() {
        _ = Unmanaged.passRetained(self)
    }

    /// Keeps the mapping out of children that are forked from here on.
    func keepFromChildren() throws(SystemError) {
        try mapping.keepFromChildren()
    }
}

extension Int {
    fileprivate var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}

/// Where an encoder gets files for what is too big to travel otherwise.
protocol WarmFileSource: AnyObject {
    /// A message stays in the encoder's own memory as long as it has no more bytes than this.
    var threshold: Int { get }
    /// A file for one message that nobody uses.
    ///
    /// - Parameter smaller: one that was given out for the same message, and turns out to be too small; it is not needed any more when its
    ///   content has been copied.
    /// - Returns: `nil` if there is none; then the message stays where it is.
    func file(capacity: Int, insteadOf smaller: WarmFile?) -> WarmFile?
}
