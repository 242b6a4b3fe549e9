extension EncodingSession {
    /// Appends a value whose type is known here, without asking it to encode itself, and says whether it was one.
    ///
    /// Types are compared, never cast: a comparison is one instruction. Those that cannot be equal because their sizes differ
    /// are not even compared. Never inlined: its many temporaries would stay on the stack at each level of a recursion.
    @inline(never)
    func appendWithoutContainer<T>(_ value: T) -> Bool {
        switch MemoryLayout<T>.size {
        case 1:
            if T.self == Bool.self {
                append(sameType(value, as: Bool.self))
                return true
            }
            if T.self == Bool?.self {
                if let flag = sameType(value, as: Bool?.self) { append(flag) } else { out.append(Tag.null) }
                return true
            }
            return append(value, ifIt: Int8.self) || append(value, ifIt: UInt8.self)
        case 2:
            return append(value, ifIt: Int16.self) || append(value, ifIt: UInt16.self)
                || append(value, ifItIsOptional: Int8.self) || append(value, ifItIsOptional: UInt8.self)
        case 3:
            return append(value, ifItIsOptional: Int16.self) || append(value, ifItIsOptional: UInt16.self)
        case 4:
            return append(value, ifIt: Int32.self) || append(value, ifIt: UInt32.self)
                || append(value, ifIt: Float.self)
        case 5:
            return append(value, ifItIsOptional: Int32.self) || append(value, ifItIsOptional: UInt32.self)
                || append(value, ifItIsOptional: Float.self)
        case 8:
            return append(value, ifIt: Int.self) || append(value, ifIt: Double.self) || append(value, ifIt: UInt.self)
                || append(value, ifIt: Int64.self) || append(value, ifIt: UInt64.self) || appendArray(value)
        case 9:
            return append(value, ifItIsOptional: Int.self) || append(value, ifItIsOptional: Double.self)
                || append(value, ifItIsOptional: UInt.self) || append(value, ifItIsOptional: Int64.self)
                || append(value, ifItIsOptional: UInt64.self)
        case 16:
            if T.self == String.self {
                append(sameType(value, as: String.self))
                return true
            }
            if T.self == String?.self {
                if let text = sameType(value, as: String?.self) { append(text) } else { out.append(Tag.null) }
                return true
            }
            return append(value, ifIt: Int128.self) || append(value, ifIt: UInt128.self)
        case 17:
            return append(value, ifItIsOptional: Int128.self) || append(value, ifItIsOptional: UInt128.self)
        default:
            return false
        }
    }

    @inline(__always)
    func append(_ flag: Bool) {
        out.append(flag ? Tag.true : Tag.false)
    }

    func append(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            if utf8.count < 0x100 - Int(Tag.shortString) {
                out.append(Tag.shortString + UInt8(truncatingIfNeeded: utf8.count))
            } else {
                out.append(raw: Word(Tag.string, length: utf8.count).bits)
            }
            out.append(contentsOf: UnsafeRawBufferPointer(utf8))
        }
    }

    /// Appends numbers as a run, the elements of an unkeyed container.
    func appendRun<Number: BinaryNumber>(_ numbers: UnsafeBufferPointer<Number>) {
        appendRun(numbers, gap: gap(before: numbers.count * MemoryLayout<Number>.size, behind: 0))
    }

    /// How long the gap must be before numbers that are appended as a spaced run; 0 if they need not be.
    ///
    /// - Parameter others: how many bytes will be appended before the run.
    private func gap(before size: Int, behind others: Int) -> Int {
        out.gap(before: size, behind: others + spacedRunHeaderSize)
    }

    private func appendRun<Number: BinaryNumber>(_ numbers: UnsafeBufferPointer<Number>, gap: Int) {
        let bytes = UnsafeRawBufferPointer(numbers)
        if gap == 0 {
            out.append(raw: Word(Tag.run, length: bytes.count).bits)
            out.append(Number.tag)
        } else {
            out.append(raw: Word(Tag.spacedRun, length: gap + bytes.count).bits)
            out.append(Number.tag)
            out.append(raw: UInt32(gap))
            out.append(zeroes: gap)
        }
        out.appendRun(bytes)
    }

    @inline(__always)
    private func append<T, Number: BinaryNumber>(_ value: T, ifIt type: Number.Type) -> Bool {
        guard T.self == Number.self else { return false }
        out.append(tagged: sameType(value, as: Number.self))
        return true
    }

    @inline(__always)
    private func append<T, Number: BinaryNumber>(_ value: T, ifItIsOptional type: Number.Type) -> Bool {
        guard T.self == Number?.self else { return false }
        if let number = sameType(value, as: Number?.self) {
            out.append(tagged: number)
        } else {
            out.append(Tag.null)
        }
        return true
    }

    @inline(__always)
    private func appendArray<T>(_ value: T) -> Bool {
        append(value, ifItIsArray: UInt8.self) || append(value, ifItIsArray: Int.self)
            || append(value, ifItIsArray: Double.self) || append(value, ifItIsArray: Float.self)
            || append(value, ifItIsArray: Int32.self) || append(value, ifItIsArray: UInt32.self)
            || append(value, ifItIsArray: Int64.self) || append(value, ifItIsArray: UInt64.self)
            || append(value, ifItIsArray: UInt.self) || append(value, ifItIsArray: Int8.self)
            || append(value, ifItIsArray: Int16.self) || append(value, ifItIsArray: UInt16.self)
            || append(value, ifItIsArray: Int128.self) || append(value, ifItIsArray: UInt128.self)
    }

    @inline(__always)
    private func append<T, Number: BinaryNumber>(_ value: T, ifItIsArray type: Number.Type) -> Bool {
        guard T.self == [Number].self else { return false }
        appendArray(of: sameType(value, as: [Number].self))
        return true
    }

    private func appendArray<Number: BinaryNumber>(of numbers: [Number]) {
        let size = numbers.count * MemoryLayout<Number>.size
        let gap = gap(before: size, behind: unkeyedHeaderSize)
        let header = gap == 0 ? runHeaderSize : spacedRunHeaderSize + gap
        out.append(raw: Word(Tag.unkeyed, length: numbers.isEmpty ? 0 : header + size).bits)
        out.append(raw: UInt64(numbers.count))
        if !numbers.isEmpty { numbers.withUnsafeBufferPointer { appendRun($0, gap: gap) } }
    }
}
