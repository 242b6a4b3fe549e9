/// Bytes that grow at their end.
///
/// Small writes are stores behind a pointer: they go to a block of fixed size, which is emptied when it is full into what holds all. Large ones
/// go there at once. That is what `take()` gives away, without a copy: an array or, of what is big, a file.
struct OutputBuffer: ~Copyable {
    private static let blockSize = 4096
    /// Room that every write of a key, a tag or a number may take without asking for each.
    private static let margin = 32

    /// From how many bytes on numbers have a gap before them.
    var leastSpaced = ArrayMemory.leastBytes
    /// All bytes before those in the block.
    private var flushed = GrowingBytes()
    /// Memory of `blockSize` bytes that this value owns; the first `used` are written.
    private let block = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 16)
    private var used = 0

    deinit { block.deallocate() }

    var count: Int { flushed.count + used }

    // MARK: Appending

    /// A place for `size` bytes, at most `margin`, that count as written.
    @inline(__always)
    private mutating func room(_ size: Int) -> UnsafeMutableRawPointer {
        if used > Self.blockSize - Self.margin { flush() }
        let place = block + used
        used += size
        return place
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        room(1).storeBytes(of: byte, as: UInt8.self)
    }

    @inline(__always)
    mutating func append<Number: BinaryNumber>(raw number: Number) {
        room(MemoryLayout<Number>.size).storeBytes(of: number, as: Number.self)
    }

    @inline(__always)
    mutating func append<Number: BinaryNumber>(tagged number: Number) {
        let place = room(1 + MemoryLayout<Number>.size)
        place.storeBytes(of: Number.tag, as: UInt8.self)
        (place + 1).storeBytes(of: number, as: Number.self)
    }

    /// Appends many pieces of one size.
    ///
    /// - Parameters:
    ///   - size: of each, in bytes; at most those of the block.
    ///   - write: is given a place for each and its index.
    @inline(__always)
    mutating func append(_ number: Int, of size: Int, _ write: (UnsafeMutableRawPointer, Int) -> Void) {
        var index = 0
        while index < number {
            if used > Self.blockSize - size { flush() }
            let end = index + min(number - index, (Self.blockSize - used) / size)
            let first = block + used
            used += (end - index) * size
            var place = first
            while index < end {
                write(place, index)
                place += size
                index += 1
            }
        }
    }

    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        if bytes.count <= Self.blockSize - used {
            (block + used).copyMemory(from: source, byteCount: bytes.count)
            used += bytes.count
            return
        }
        flush()
        flushed.append(bytes)
    }

    /// Appends what may be read by copying, and without looking at it.
    mutating func appendRun(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > Self.blockSize else { return append(contentsOf: bytes) }
        flush()
        flushed.appendRun(bytes)
    }

    mutating func append(zeroes count: Int) {
        flush()
        flushed.append(zeroes: count)
    }

    /// How long a gap must be so that pages of numbers behind it can be lent from the file they will most likely be in; 0 where it has no use.
    ///
    /// - Parameters:
    ///   - size: of the numbers, in bytes.
    ///   - others: how many bytes will be appended before the gap.
    func gap(before size: Int, behind others: Int) -> Int {
        guard size >= leastSpaced, source != nil else { return 0 }
        return ArrayMemory.gap(at: WarmFile.headerSize + count + others)
    }

    private mutating func flush() {
        flushed.append(UnsafeRawBufferPointer(start: block, count: used))
        used = 0
    }

    // MARK: Changing what was written

    /// Overwrites a number that was appended as a whole, which the block's margin keeps in one piece.
    mutating func overwrite(at offset: Int, with bits: UInt64) {
        let inBlock = offset - flushed.count
        if inBlock >= 0 {
            precondition(inBlock + MemoryLayout<UInt64>.size <= used)
            (block + inBlock).storeBytes(of: bits, as: UInt64.self)
        } else {
            flushed.overwrite(at: offset, with: bits)
        }
    }

    mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "truncating to more than there is")
        if count >= flushed.count {
            used = count - flushed.count
        } else {
            used = 0
            flushed.removeLast(flushed.count - count)
        }
    }

    /// Puts everything from `start` on in the place of `range`, which lies before it.
    mutating func moveTail(from start: Int, to range: Range<Int>) {
        flush()
        flushed.moveTail(from: start, to: range)
    }

    // MARK: Handing over

    mutating func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        if flushed.isEmpty { return try body(UnsafeRawBufferPointer(start: block, count: used)) }
        flush()
        return try flushed.withUnsafeBytes(body)
    }

    mutating func take() -> [UInt8] {
        flush()
        return flushed.take()
    }

    // MARK: Files

    /// Where files are from for what grows big; `nil` if it is to stay in this process.
    var source: (any WarmFileSource)? {
        get { flushed.source }
        set { flushed.source = newValue }
    }

    /// The file in which everything is that was written, if it is in one.
    mutating func completeFile() -> WarmFile? {
        if flushed.file != nil { flush() }
        return flushed.file
    }

    /// Where in the file ``appendRun(_:)`` has put much at once, in order.
    var runs: [Range<Int>] { flushed.runs }

    /// Gives the file away, with how many bytes of it there are, and is empty afterwards; `nil` if they are not in one.
    mutating func takeFile() -> (file: WarmFile, count: Int)? {
        guard flushed.file != nil else { return nil }
        flush()
        return flushed.takeFile()
    }

    mutating func removeAll(keepingCapacity: Bool) {
        used = 0
        flushed.removeAll(keepingCapacity: keepingCapacity)
    }
}
