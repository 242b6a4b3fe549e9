extension EncodingSession {
    /// The number under which the table entries of this type of keys are kept.
    func shape<Key: CodingKey>(of type: Key.Type) -> Int? { keys.shape(of: type) }

    @inline(__always)
    func appendKey<Key: CodingKey>(_ key: Key, shape: Int?) {
        let place = KeyIndex.place(of: key, shape: shape)
        if let place, let entry = keys[place] {
            appendKey(entry: entry)
        } else {
            appendNewKey(key.stringValue, place: place)
        }
    }

    @inline(__always)
    private func appendKey(entry: Int) {
        if entry < Int(KeyForm.wideIndex) {
            out.append(UInt8(truncatingIfNeeded: entry))
        } else {
            out.append(KeyForm.wideIndex)
            out.append(raw: UInt16(truncatingIfNeeded: entry))
        }
    }

    private func appendNewKey(_ key: String, place: Int?) {
        var key = key
        key.withUTF8 { text in
            if let place, let entry = keyTable.insert(text) {
                keys[place] = entry
                return appendKey(entry: entry)
            }
            out.append(KeyForm.inline)
            if text.count < Int(KeyForm.longLength) {
                out.append(UInt8(truncatingIfNeeded: text.count))
            } else {
                out.append(KeyForm.longLength)
                out.append(raw: UInt64(text.count))
            }
            out.append(contentsOf: UnsafeRawBufferPointer(text))
        }
    }
}

/// The keys of a message, each written once.
struct KeyTable {
    private var text: [UInt8] = []
    private var count = 0

    mutating func removeAll() {
        text.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Adds an entry and returns its number, or nil if it does not fit.
    mutating func insert(_ key: UnsafeBufferPointer<UInt8>) -> Int? {
        guard count < KeyForm.maximumTableCount, let length = UInt8(exactly: key.count) else { return nil }
        text.append(length)
        text.append(contentsOf: key)
        count += 1
        return count - 1
    }

    func append(to out: inout OutputBuffer) {
        out.append(raw: UInt32(count))
        text.withUnsafeBytes { out.append(contentsOf: $0) }
    }

    /// The entries as strings, for paths.
    var entries: [String] {
        var rest = text[...]
        var entries: [String] = []
        while let length = rest.popFirst() {
            entries.append(String(decoding: rest.prefix(Int(length)), as: UTF8.self))
            rest = rest.dropFirst(Int(length))
        }
        return entries
    }
}
