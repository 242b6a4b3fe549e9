extension FormatReader {
    /// A value whose type is known here and which stands there exactly as that type is written; nil for any other.
    ///
    /// As in the encoder, types are compared and not cast, and only those of the right size.
    @inline(__always)
    func valueWithoutContainer<T>(_ type: T.Type, at offset: Int, limit: Int) -> T? {
        switch MemoryLayout<T>.size {
        case 1:
            if T.self == Bool.self || T.self == Bool?.self { return flag(type, at: offset, limit: limit) }
            if let value = number(Int8.self, if: type, at: offset, limit: limit) { return value }
            return number(UInt8.self, if: type, at: offset, limit: limit)
        case 2:
            if let value = number(Int16.self, if: type, at: offset, limit: limit) { return value }
            if let value = number(UInt16.self, if: type, at: offset, limit: limit) { return value }
            if let value = optional(Int8.self, if: type, at: offset, limit: limit) { return value }
            return optional(UInt8.self, if: type, at: offset, limit: limit)
        case 3:
            if let value = optional(Int16.self, if: type, at: offset, limit: limit) { return value }
            return optional(UInt16.self, if: type, at: offset, limit: limit)
        case 4:
            if let value = number(Int32.self, if: type, at: offset, limit: limit) { return value }
            if let value = number(UInt32.self, if: type, at: offset, limit: limit) { return value }
            return number(Float.self, if: type, at: offset, limit: limit)
        case 5:
            if let value = optional(Int32.self, if: type, at: offset, limit: limit) { return value }
            if let value = optional(UInt32.self, if: type, at: offset, limit: limit) { return value }
            return optional(Float.self, if: type, at: offset, limit: limit)
        case 8:
            if let value = number(Int.self, if: type, at: offset, limit: limit) { return value }
            if let value = number(Double.self, if: type, at: offset, limit: limit) { return value }
            if let value = number(UInt.self, if: type, at: offset, limit: limit) { return value }
            if let value = number(Int64.self, if: type, at: offset, limit: limit) { return value }
            if let value = number(UInt64.self, if: type, at: offset, limit: limit) { return value }
            return array(type, at: offset, limit: limit)
        case 9:
            if let value = optional(Int.self, if: type, at: offset, limit: limit) { return value }
            if let value = optional(Double.self, if: type, at: offset, limit: limit) { return value }
            if let value = optional(UInt.self, if: type, at: offset, limit: limit) { return value }
            if let value = optional(Int64.self, if: type, at: offset, limit: limit) { return value }
            return optional(UInt64.self, if: type, at: offset, limit: limit)
        case 16:
            if T.self == String.self {
                return string(at: offset, limit: limit).map { sameType($0, as: type) }
            }
            if T.self == String?.self {
                if isNil(at: offset, limit: limit) { return sameType(String?.none, as: type) }
                return string(at: offset, limit: limit).map { sameType(String?.some($0), as: type) }
            }
            if let value = number(Int128.self, if: type, at: offset, limit: limit) { return value }
            return number(UInt128.self, if: type, at: offset, limit: limit)
        case 17:
            if let value = optional(Int128.self, if: type, at: offset, limit: limit) { return value }
            return optional(UInt128.self, if: type, at: offset, limit: limit)
        default:
            return nil
        }
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
        text.withMemoryRebound(to: UInt8.self) { String(validating: $0, as: UTF8.self) }
    }

    private func flag<T>(_ type: T.Type, at offset: Int, limit: Int) -> T? {
        let flag: Bool?
        switch byte(at: offset, limit: limit) {
        case Tag.true: flag = true
        case Tag.false: flag = false
        case Tag.null: flag = nil
        default: return nil
        }
        if T.self == Bool?.self { return sameType(flag, as: type) }
        return flag.map { sameType($0, as: type) }
    }

    @inline(__always)
    private func number<Number: BinaryNumber, T>(_: Number.Type, if type: T.Type, at offset: Int, limit: Int) -> T? {
        guard T.self == Number.self, let value = number(Number.self, at: offset, limit: limit) else { return nil }
        return sameType(value, as: type)
    }

    @inline(__always)
    private func optional<Number: BinaryNumber, T>(_: Number.Type, if type: T.Type, at offset: Int, limit: Int) -> T? {
        guard T.self == Number?.self else { return nil }
        if isNil(at: offset, limit: limit) { return sameType(Number?.none, as: type) }
        return number(Number.self, at: offset, limit: limit).map { sameType(Number?.some($0), as: type) }
    }

    // MARK: Arrays of numbers

    private func array<T>(_ type: T.Type, at offset: Int, limit: Int) -> T? {
        guard byte(at: offset, limit: limit) == Tag.unkeyed else { return nil }
        if let value = array(of: UInt8.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Int.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Double.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Float.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Int32.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: UInt32.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Int64.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: UInt64.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: UInt.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Int8.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Int16.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: UInt16.self, if: type, at: offset, limit: limit) { return value }
        if let value = array(of: Int128.self, if: type, at: offset, limit: limit) { return value }
        return array(of: UInt128.self, if: type, at: offset, limit: limit)
    }

    @inline(__always)
    private func array<Number: BinaryNumber, T>(of: Number.Type, if type: T.Type, at offset: Int, limit: Int) -> T? {
        guard T.self == [Number].self else { return nil }
        return run(of: Number.self, at: offset, limit: limit).map { sameType(Self.array(of: Number.self, $0), as: type) }
    }

    /// The bytes as numbers. Every pattern of bits is one, and `run(of:at:limit:)` has seen to it that there are whole ones only.
    private static func array<Number: BinaryNumber>(of type: Number.Type, _ bytes: UnsafeRawBufferPointer) -> [Number] {
        [Number](unsafeUninitializedCapacity: bytes.count / MemoryLayout<Number>.size) { numbers, count in
            UnsafeMutableRawBufferPointer(numbers).copyMemory(from: bytes)
            count = bytes.count / MemoryLayout<Number>.size
        }
    }
}
