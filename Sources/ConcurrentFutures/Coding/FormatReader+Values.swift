/// Whether `FormatReader` can read values of a type without a container.
@inline(never)
func isDirect<T>(_ type: T.Type) -> Bool {
    switch MemoryLayout<T>.size {
    case 1:
        type == Bool.self || type == Bool?.self || type == Int8.self || type == UInt8.self
    case 2:
        type == Int16.self || type == UInt16.self || type == Int8?.self || type == UInt8?.self
    case 3:
        type == Int16?.self || type == UInt16?.self
    case 4:
        type == Int32.self || type == UInt32.self || type == Float.self
    case 5:
        type == Int32?.self || type == UInt32?.self || type == Float?.self
    case 8:
        type == Int.self || type == Double.self || type == UInt.self || type == Int64.self
            || type == UInt64.self || type == [UInt8].self || type == [Int].self || type == [Double].self
            || type == [Float].self || type == [Int32].self || type == [UInt32].self || type == [Int64].self
            || type == [UInt64].self || type == [UInt].self || type == [Int8].self || type == [Int16].self
            || type == [UInt16].self || type == [Int128].self || type == [UInt128].self
    case 9:
        type == Int?.self || type == Double?.self || type == UInt?.self || type == Int64?.self
            || type == UInt64?.self
    case 16:
        type == String.self || type == String?.self || type == Int128.self || type == UInt128.self
    case 17:
        type == Int128?.self || type == UInt128?.self
    default:
        false
    }
}

extension FormatReader {
    /// A value whose type is known here and which stands there exactly as that type is written, or otherwise what `otherwise`
    /// makes of it.
    ///
    /// As in the encoder, types are compared and not cast, and only those of the right size. The result is no optional because
    /// the metadata of `T?` would have to be looked up, which takes longer than all the rest.
    @inline(__always)
    func value<T>(_ type: T.Type, at offset: Int, limit: Int, otherwise: () throws -> T) rethrows -> T {
        switch MemoryLayout<T>.size {
        case 1:
            if T.self == Bool.self { return try direct(flag(at: offset, limit: limit), otherwise) }
            if T.self == Bool?.self { return try direct(optionalFlag(at: offset, limit: limit), otherwise) }
            if T.self == Int8.self { return try direct(number(Int8.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt8.self { return try direct(number(UInt8.self, at: offset, limit: limit), otherwise) }
        case 2:
            if T.self == Int16.self { return try direct(number(Int16.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt16.self { return try direct(number(UInt16.self, at: offset, limit: limit), otherwise) }
            if T.self == Int8?.self { return try direct(optional(Int8.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt8?.self { return try direct(optional(UInt8.self, at: offset, limit: limit), otherwise) }
        case 3:
            if T.self == Int16?.self { return try direct(optional(Int16.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt16?.self { return try direct(optional(UInt16.self, at: offset, limit: limit), otherwise) }
        case 4:
            if T.self == Int32.self { return try direct(number(Int32.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt32.self { return try direct(number(UInt32.self, at: offset, limit: limit), otherwise) }
            if T.self == Float.self { return try direct(number(Float.self, at: offset, limit: limit), otherwise) }
        case 5:
            if T.self == Int32?.self { return try direct(optional(Int32.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt32?.self { return try direct(optional(UInt32.self, at: offset, limit: limit), otherwise) }
            if T.self == Float?.self { return try direct(optional(Float.self, at: offset, limit: limit), otherwise) }
        case 8:
            if T.self == Int.self { return try direct(number(Int.self, at: offset, limit: limit), otherwise) }
            if T.self == Double.self { return try direct(number(Double.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt.self { return try direct(number(UInt.self, at: offset, limit: limit), otherwise) }
            if T.self == Int64.self { return try direct(number(Int64.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt64.self { return try direct(number(UInt64.self, at: offset, limit: limit), otherwise) }
            return try arrayValue(type, at: offset, limit: limit, otherwise: otherwise)
        case 9:
            if T.self == Int?.self { return try direct(optional(Int.self, at: offset, limit: limit), otherwise) }
            if T.self == Double?.self { return try direct(optional(Double.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt?.self { return try direct(optional(UInt.self, at: offset, limit: limit), otherwise) }
            if T.self == Int64?.self { return try direct(optional(Int64.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt64?.self { return try direct(optional(UInt64.self, at: offset, limit: limit), otherwise) }
        case 16:
            if T.self == String.self { return try direct(string(at: offset, limit: limit), otherwise) }
            if T.self == String?.self { return try direct(optionalString(at: offset, limit: limit), otherwise) }
            if T.self == Int128.self { return try direct(number(Int128.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt128.self { return try direct(number(UInt128.self, at: offset, limit: limit), otherwise) }
        case 17:
            if T.self == Int128?.self { return try direct(optional(Int128.self, at: offset, limit: limit), otherwise) }
            if T.self == UInt128?.self {
                return try direct(optional(UInt128.self, at: offset, limit: limit), otherwise)
            }
        default: break
        }
        return try otherwise()
    }

    private func arrayValue<T>(_ type: T.Type, at offset: Int, limit: Int, otherwise: () throws -> T) rethrows -> T {
        guard byte(at: offset, limit: limit) == Tag.unkeyed else { return try otherwise() }
        if T.self == [UInt8].self { return try direct(array(of: UInt8.self, at: offset, limit: limit), otherwise) }
        if T.self == [Int].self { return try direct(array(of: Int.self, at: offset, limit: limit), otherwise) }
        if T.self == [Double].self { return try direct(array(of: Double.self, at: offset, limit: limit), otherwise) }
        if T.self == [Float].self { return try direct(array(of: Float.self, at: offset, limit: limit), otherwise) }
        if T.self == [Int32].self { return try direct(array(of: Int32.self, at: offset, limit: limit), otherwise) }
        if T.self == [UInt32].self { return try direct(array(of: UInt32.self, at: offset, limit: limit), otherwise) }
        if T.self == [Int64].self { return try direct(array(of: Int64.self, at: offset, limit: limit), otherwise) }
        if T.self == [UInt64].self { return try direct(array(of: UInt64.self, at: offset, limit: limit), otherwise) }
        if T.self == [UInt].self { return try direct(array(of: UInt.self, at: offset, limit: limit), otherwise) }
        if T.self == [Int8].self { return try direct(array(of: Int8.self, at: offset, limit: limit), otherwise) }
        if T.self == [Int16].self { return try direct(array(of: Int16.self, at: offset, limit: limit), otherwise) }
        if T.self == [UInt16].self { return try direct(array(of: UInt16.self, at: offset, limit: limit), otherwise) }
        if T.self == [Int128].self { return try direct(array(of: Int128.self, at: offset, limit: limit), otherwise) }
        if T.self == [UInt128].self { return try direct(array(of: UInt128.self, at: offset, limit: limit), otherwise) }
        return try otherwise()
    }

    @inline(__always)
    private func direct<Known, T>(_ value: Known?, _ otherwise: () throws -> T) rethrows -> T {
        if let value { sameType(value, as: T.self) } else { try otherwise() }
    }

    @inline(__always)
    func isNil(at offset: Int, limit: Int) -> Bool { byte(at: offset, limit: limit) == Tag.null }

    @inline(__always)
    func number<Number: BinaryNumber>(_ type: Number.Type, at offset: Int, limit: Int) -> Number? {
        guard byte(at: offset, limit: limit) == Number.tag else { return nil }
        return load(type, at: offset + 1, limit: limit)
    }

    /// A string, or nil if there is none or its bytes are not UTF-8.
    func string(at offset: Int, limit: Int) -> String? {
        text(at: offset, limit: limit).flatMap(Self.string(validating:))
    }

    static func string(validating text: UnsafeRawBufferPointer) -> String? {
        text.withMemoryRebound(to: UInt8.self) { utf8 in
            // Not `try?`: a span cannot leave through an optional. Not `String(validating:as:)`: it is generic, and slow.
            do { return String(copying: try UTF8Span(validating: utf8.span)) } catch { return nil }
        }
    }

    private func flag(at offset: Int, limit: Int) -> Bool? {
        switch byte(at: offset, limit: limit) {
        case Tag.true: true
        case Tag.false: false
        default: nil
        }
    }

    private func optionalFlag(at offset: Int, limit: Int) -> Bool?? {
        isNil(at: offset, limit: limit) ? .some(nil) : flag(at: offset, limit: limit).map(Optional.some)
    }

    private func optionalString(at offset: Int, limit: Int) -> String?? {
        isNil(at: offset, limit: limit) ? .some(nil) : string(at: offset, limit: limit).map(Optional.some)
    }

    @inline(__always)
    private func optional<Number: BinaryNumber>(_ type: Number.Type, at offset: Int, limit: Int) -> Number?? {
        isNil(at: offset, limit: limit) ? .some(nil) : number(type, at: offset, limit: limit).map(Optional.some)
    }

    @inline(__always)
    private func array<Number: BinaryNumber>(of type: Number.Type, at offset: Int, limit: Int) -> [Number]? {
        run(of: type, at: offset, limit: limit).map { array(of: type, $0) }
    }

    /// The bytes as numbers. Every pattern of bits is one, and `run(of:at:limit:)` has seen to it that there are whole ones only.
    private func array<Number: BinaryNumber>(of type: Number.Type, _ bytes: UnsafeRawBufferPointer) -> [Number] {
        let lender = bytes.count >= ArrayMemory.leastBytes ? origin?.pointee.lender : nil
        var loan: PageLoan?
        let array = [Number](unsafeUninitializedCapacity: bytes.count / MemoryLayout<Number>.size) { numbers, count in
            let memory = UnsafeMutableRawBufferPointer(numbers)
            loan = lender?.lend(bytes, to: memory.baseAddress!)
            if loan == nil {
                FreshMemory.prepare(memory)
                memory.copyMemory(from: bytes)
            }
            count = bytes.count / MemoryLayout<Number>.size
        }
        loan?.note(borrower: array._owner!)
        return array
    }
}
