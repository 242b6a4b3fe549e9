/// Reads single pieces of the format from bytes that nobody has checked.
///
/// Nothing here throws or traps: what does not fit between an offset and the limit that surrounds it is nil. Whoever calls
/// knows what was expected, and says so in an error. Limits never exceed `bytes.count`; no length is added to an offset before
/// it was compared with what is left, so that nothing overflows.
struct FormatReader {
    let bytes: UnsafeRawBufferPointer
    /// Where the bytes are from, if that means anything. It must stay where it is as long as the reader is used.
    let origin: UnsafePointer<ByteOrigin>?

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, origin: UnsafePointer<ByteOrigin>? = nil) {
        self.bytes = bytes
        self.origin = origin
    }

    /// A number, or nil if it is not wholly between the offset and the limit.
    @inline(__always)
    func load<Number: BitwiseCopyable>(_ type: Number.Type, at offset: Int, limit: Int) -> Number? {
        guard offset >= 0, limit <= bytes.count, limit - offset >= MemoryLayout<Number>.size else { return nil }
        // Checked just now.
        return bytes.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: type)
    }

    @inline(__always)
    func byte(at offset: Int, limit: Int) -> UInt8? { load(UInt8.self, at: offset, limit: limit) }

    /// A word whose bytes, after a header of the given size, are all there.
    @inline(__always)
    func word(_ tag: UInt8, header: Int = Word.size, at offset: Int, limit: Int) -> Word? {
        guard let bits = load(UInt64.self, at: offset, limit: limit) else { return nil }
        let word = Word(bits: bits)
        guard word.tag == tag, limit - offset >= header, word.length <= limit - offset - header else { return nil }
        return word
    }

    // MARK: Values

    /// Where a value ends.
    @inline(__always)
    func end(of offset: Int, limit: Int) -> Int? {
        guard let tag = byte(at: offset, limit: limit) else { return nil }
        let size: Int
        if let width = Tag.numberWidth(tag) {
            size = 1 + width
        } else if tag >= Tag.shortString {
            size = 1 + Int(tag - Tag.shortString)
        } else if tag <= Tag.true {
            size = 1
        } else {
            return endOfLong(tag, at: offset, limit: limit)
        }
        return size <= limit - offset ? offset + size : nil
    }

    private func endOfLong(_ tag: UInt8, at offset: Int, limit: Int) -> Int? {
        let header: Int
        switch tag {
        case Tag.string, Tag.keyed: header = Word.size
        case Tag.unkeyed: header = unkeyedHeaderSize
        case Tag.run: header = runHeaderSize
        case Tag.spacedRun: header = spacedRunHeaderSize
        default: return nil
        }
        return word(tag, header: header, at: offset, limit: limit).map { offset + header + $0.length }
    }

    /// The UTF-8 of a string, which may be invalid.
    func text(at offset: Int, limit: Int) -> UnsafeRawBufferPointer? {
        guard let tag = byte(at: offset, limit: limit), let end = end(of: offset, limit: limit) else { return nil }
        if tag >= Tag.shortString { return slice(offset + 1..<end) }
        return tag == Tag.string ? slice(offset + Word.size..<end) : nil
    }

    /// The numbers of an array that is one run of this type, as the encoder writes them; nil for every other value. They may change at any time, and
    /// are to be copied.
    func run<Number: BinaryNumber>(of type: Number.Type, at offset: Int, limit: Int) -> UnsafeRawBufferPointer? {
        guard let container = word(Tag.unkeyed, header: unkeyedHeaderSize, at: offset, limit: limit) else { return nil }
        let start = offset + unkeyedHeaderSize
        let end = start + container.length
        guard let run = run(at: start, limit: end),
            run.numbers.upperBound == end,
            run.tag == Number.tag,
            run.numbers.count % MemoryLayout<Number>.size == 0
        else { return nil }
        return origin?.pointee.lent?.place(of: run.numbers) ?? slice(run.numbers)
    }

    /// The run at an offset, spaced or not: the tag of its numbers, which may be none, and where they are.
    func run(at offset: Int, limit: Int) -> (tag: UInt8, numbers: Range<Int>)? {
        guard let tag = byte(at: offset + Word.size, limit: limit) else { return nil }
        if let word = word(Tag.run, header: runHeaderSize, at: offset, limit: limit) {
            let start = offset + runHeaderSize
            return (tag, start..<start + word.length)
        }
        guard let word = word(Tag.spacedRun, header: spacedRunHeaderSize, at: offset, limit: limit),
            let gap = load(UInt32.self, at: offset + runHeaderSize, limit: limit), gap <= word.length
        else { return nil }
        let start = offset + spacedRunHeaderSize
        return (tag, start + Int(gap)..<start + word.length)
    }

    @inline(__always)
    func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }

    // MARK: Fields

    struct Field {
        let key: Key
        let value: Int
        let end: Int
        let isAbsent: Bool

        enum Key {
            case entry(Int)
            case text(UnsafeRawBufferPointer)
        }
    }

    /// The field that starts at an offset.
    func field(at offset: Int, limit: Int) -> Field? {
        guard let (key, value) = key(at: offset, limit: limit),
            let tag = byte(at: value, limit: limit),
            let end = end(of: value, limit: limit)
        else { return nil }
        return Field(key: key, value: value, end: end, isAbsent: tag == Tag.absent)
    }

    private func key(at offset: Int, limit: Int) -> (Field.Key, end: Int)? {
        guard let form = byte(at: offset, limit: limit) else { return nil }
        if form < KeyForm.wideIndex { return (.entry(Int(form)), offset + 1) }
        if form == KeyForm.wideIndex {
            return load(UInt16.self, at: offset + 1, limit: limit).map { (.entry(Int($0)), offset + 3) }
        }
        guard form == KeyForm.inline, let short = byte(at: offset + 1, limit: limit) else { return nil }
        var start = offset + 2
        var length = Int(short)
        if short == KeyForm.longLength {
            guard let long = load(UInt64.self, at: start, limit: limit) else { return nil }
            start += MemoryLayout<UInt64>.size
            length = Int(clamping: long)
        }
        return length <= limit - start ? (.text(slice(start..<start + length)), start + length) : nil
    }

    // MARK: Paths

    /// The key of the value at an offset, in fields that start at another one.
    func key(before value: Int, from start: Int, names: [String]) -> PathKey? {
        var offset = start
        while let (key, place) = key(at: offset, limit: bytes.count), place <= value {
            if place == value { return pathKey(key, names: names) }
            guard let end = end(of: place, limit: bytes.count) else { return nil }
            offset = end
        }
        return nil
    }

    private func pathKey(_ key: Field.Key, names: [String]) -> PathKey? {
        switch key {
        case .entry(let entry): names.indices.contains(entry) ? PathKey(stringValue: names[entry]) : nil
        case .text(let text): PathKey(stringValue: String(decoding: text, as: UTF8.self))
        }
    }

    /// The index of the element at an offset, in elements that start at another one.
    func index(of element: Int, from start: Int) -> Int? {
        var offset = start
        var index = 0
        while offset < element {
            guard let end = end(of: offset, limit: bytes.count) else { return nil }
            if byte(at: offset, limit: end).map(Tag.isRun) == true {
                guard let run = run(at: offset, limit: end), let width = Tag.numberWidth(run.tag) else { return nil }
                let start = run.numbers.lowerBound
                index += (min(end, max(start, element)) - start) / width
                if element < end { return index }
            } else {
                if element < end { return index }
                index += 1
            }
            offset = end
        }
        return index
    }
}
