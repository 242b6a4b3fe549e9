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

    /// Writes how much was appended since ``reserveLength()`` returned the place.
    mutating func fillLength(at place: Int) {
        overwrite(UInt64(count - place - MemoryLayout<UInt64>.size), at: place)
    }
}

extension BinaryDecoder {
    /// The next item, which stands behind its length.
    mutating func readItem() throws -> UnsafeRawBufferPointer {
        let length = try readUInt64()
        return try readBytes(Int(clamping: length))
    }
}
