/// The items of a batch, and their outcomes, stand behind their lengths as a UInt64: one that cannot be decoded does not hide the others.
extension BinaryEncoder {
    /// Leaves room for a length.
    ///
    /// - Returns: the place of it.
    mutating func reserveLength() -> Int {
        let place = count
        append(UInt64(0))
        return place
    }

    /// Appends items that are numbers.
    @inline(__always)
    mutating func append<Number: BinaryNumber>(items: [Number]) {
        let length = 1 + MemoryLayout<Number>.size
        session.out.append(items.count, of: MemoryLayout<UInt64>.size + length) { place, index in
            place.storeBytes(of: UInt64(length), as: UInt64.self)
            (place + MemoryLayout<UInt64>.size).storeBytes(of: Number.tag, as: UInt8.self)
            (place + MemoryLayout<UInt64>.size + 1).storeBytes(of: items[index], as: Number.self)
        }
    }

    /// Writes how much was appended since ``reserveLength()`` returned the place.
    mutating func fillLength(at place: Int) {
        overwrite(UInt64(count - place - MemoryLayout<UInt64>.size), at: place)
    }
}

extension BinaryDecoder {
    /// The next item, if it is a number of that type; if not, it is still the next.
    @inline(__always)
    mutating func readNumberItem<Number: BinaryNumber>(_ type: Number.Type) -> Number? {
        let header = MemoryLayout<UInt64>.size + 1
        guard let place = peek(header + MemoryLayout<Number>.size),
            place.loadUnaligned(as: UInt64.self) == 1 + MemoryLayout<Number>.size,
            place.load(fromByteOffset: MemoryLayout<UInt64>.size, as: UInt8.self) == Number.tag
        else { return nil }
        skip(header + MemoryLayout<Number>.size)
        return place.loadUnaligned(fromByteOffset: header, as: type)
    }

    /// The next item, which stands behind its length.
    mutating func readItem() throws -> UnsafeRawBufferPointer {
        let length = try readUInt64()
        return try readBytes(Int(clamping: length))
    }
}
