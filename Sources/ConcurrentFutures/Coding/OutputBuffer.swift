/// Bytes that grow at their end.
///
/// Small writes are stores behind a pointer: they go to a block of fixed size, which is emptied into an array when it is full.
/// Large ones go to the array at once. The array is what `take()` gives away, without a copy.
struct OutputBuffer: ~Copyable {
    private static let blockSize = 4096
    /// Room that every write of a key, a tag or a number may take without asking for each.
    private static let margin = 32

    /// All bytes before those in the block.
    private var flushed: [UInt8] = []
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

    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        if bytes.count <= Self.blockSize - used {
            (block + used).copyMemory(from: source, byteCount: bytes.count)
            used += bytes.count
            return
        }
        flush()
        flushed.append(contentsOf: bytes)
    }

    private mutating func flush() {
        flushed.append(contentsOf: UnsafeRawBufferPointer(start: block, count: used))
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
            flushed.withUnsafeMutableBytes { $0.storeBytes(of: bits, toByteOffset: offset, as: UInt64.self) }
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
        let tail = Array(flushed[start...])
        flushed.removeLast(tail.count)
        flushed.replaceSubrange(range, with: tail)
    }

    // MARK: Handing over

    mutating func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        if flushed.isEmpty { return try body(UnsafeRawBufferPointer(start: block, count: used)) }
        flush()
        return try flushed.withUnsafeBytes(body)
    }

    mutating func take() -> [UInt8] {
        flush()
        var bytes: [UInt8] = []
        swap(&bytes, &flushed)
        return bytes
    }

    mutating func removeAll(keepingCapacity: Bool) {
        used = 0
        flushed.removeAll(keepingCapacity: keepingCapacity)
    }
}
