/// The bytes of a message as they grow: in an array, or, once there are many, straight in a file that another process will read.
struct GrowingBytes: ~Copyable {
    /// All bytes, as long as there is no file.
    private var array: [UInt8] = []
    private(set) var file: WarmFile?
    /// How many bytes of the file's content there are.
    private var fileCount = 0
    /// Where numbers lie in the file that were appended many at once, in order.
    private(set) var runs: [Range<Int>] = []
    var source: (any WarmFileSource)?
    /// Whether the source had none; it is not asked again for the same bytes.
    private var isRefused = false

    /// Shorter ones are not worth being told of.
    private static let shortestRun = 64 * 1024
    static let mostRuns = 32

    var count: Int { file == nil ? array.count : fileCount }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let place = roomInFile(bytes.count) else { return array.append(contentsOf: bytes) }
        BigCopy.copy(bytes, to: place)
        fileCount += bytes.count
    }

    mutating func append(zeroes number: Int) {
        guard let place = roomInFile(number) else {
            return array.append(contentsOf: repeatElement(0, count: number))
        }
        UnsafeMutableRawBufferPointer(start: place, count: number).initializeMemory(as: UInt8.self, repeating: 0)
        fileCount += number
    }

    /// Appends what may be read by copying, and without looking at it.
    mutating func appendRun(_ bytes: UnsafeRawBufferPointer) {
        append(bytes)
        guard file != nil, bytes.count >= Self.shortestRun, runs.count < Self.mostRuns else { return }
        runs.append(fileCount - bytes.count..<fileCount)
    }

    /// A place for more bytes, if they go into the file.
    private mutating func roomInFile(_ more: Int) -> UnsafeMutableRawPointer? {
        let needed = count + more
        if let file, needed <= file.capacity { return file.content + fileCount }
        guard !isRefused, let source, needed > source.threshold else { return nil }
        // Doubled, so that what grows is not copied again and again; the first time, what is known is most often all.
        let capacity = file.map { max(needed, 2 * $0.capacity) } ?? needed
        guard let larger = source.file(capacity: capacity, insteadOf: file) else {
            returnToArray()
            isRefused = true
            return nil
        }
        let copied = withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(start: larger.content, count: bytes.count).copyMemory(from: bytes)
            return bytes.count
        }
        fileCount = copied
        array = []
        file = larger
        return larger.content + fileCount
    }

    private mutating func returnToArray() {
        guard file != nil else { return }
        array = withUnsafeBytes { [UInt8]($0) }
        dropFile()
    }

    private mutating func dropFile() {
        file = nil
        fileCount = 0
        runs = []
    }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        guard let file else { return try array.withUnsafeBytes(body) }
        return try body(UnsafeRawBufferPointer(start: file.content, count: fileCount))
    }

    mutating func overwrite(at offset: Int, with bits: UInt64) {
        precondition(offset >= 0 && offset + MemoryLayout<UInt64>.size <= count, "overwriting what was not written")
        if let file {
            file.content.storeBytes(of: bits, toByteOffset: offset, as: UInt64.self)
        } else {
            array.withUnsafeMutableBytes { $0.storeBytes(of: bits, toByteOffset: offset, as: UInt64.self) }
        }
    }

    mutating func removeLast(_ number: Int) {
        guard file != nil else { return array.removeLast(number) }
        precondition(number <= fileCount, "removing more than there is")
        fileCount -= number
        runs.removeAll { $0.upperBound > fileCount }
    }

    /// Puts everything from `start` on in the place of `range`, which lies before it.
    mutating func moveTail(from start: Int, to range: Range<Int>) {
        // Rare, and only of what was written in turns: not worth moving within a file.
        returnToArray()
        let tail = Array(array[start...])
        array.removeLast(tail.count)
        array.replaceSubrange(range, with: tail)
    }

    /// Gives all bytes away, and is empty afterwards.
    mutating func take() -> [UInt8] {
        returnToArray()
        isRefused = false
        var bytes: [UInt8] = []
        swap(&bytes, &array)
        return bytes
    }

    /// Gives the file away, with how many bytes of it there are, and is empty afterwards; `nil` if they are not in one.
    mutating func takeFile() -> (file: WarmFile, count: Int)? {
        guard let file else { return nil }
        defer { dropFile() }
        return (file, fileCount)
    }

    mutating func removeAll(keepingCapacity: Bool) {
        // Most often nothing has come here.
        if !array.isEmpty || !keepingCapacity { array.removeAll(keepingCapacity: keepingCapacity) }
        isRefused = false
        if file != nil { dropFile() }
    }
}
