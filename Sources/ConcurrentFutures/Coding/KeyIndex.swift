/// For each type of keys, which entry of the message's key table its keys are.
///
/// The keys of almost all containers are enums of a byte. Their byte leads to the entry with no string being made, hashed or
/// compared. Other keys (`shape(of:)` is nil) are strings each time.
struct KeyIndex {
    /// Keys whose byte is not below this are treated as strings.
    private static let codes = 64
    private static let unknown = UInt16.max

    private var types: [ObjectIdentifier] = []
    private var entries: [UInt16] = []
    private var latest = 0

    mutating func removeAll() {
        types.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        latest = 0
    }

    /// The number under which the keys of this type are kept, or nil if they are no bytes.
    @inline(__always)
    mutating func shape<Key: CodingKey>(of type: Key.Type) -> Int? {
        guard MemoryLayout<Key>.size <= 1, _isPOD(type) else { return nil }
        return shape(ObjectIdentifier(type))
    }

    private mutating func shape(_ type: ObjectIdentifier) -> Int {
        // Types come in the same order again and again, so that the one after the latest is the best guess.
        var candidate = latest
        for _ in types.indices {
            candidate = candidate + 1 < types.count ? candidate + 1 : 0
            if types[candidate] == type {
                latest = candidate
                return candidate
            }
        }
        types.append(type)
        entries.append(contentsOf: repeatElement(Self.unknown, count: Self.codes))
        latest = types.count - 1
        return latest
    }

    /// The place of a key, or nil if it has none.
    ///
    /// `shape(of:)` has said that the key is at most one byte without references, so that this byte (or its absence) is the
    /// whole of its value.
    @inline(__always)
    static func place<Key: CodingKey>(of key: Key, shape: Int?) -> Int? {
        guard let shape else { return nil }
        if MemoryLayout<Key>.size == 0 { return shape * codes }
        let code = unsafeBitCast(key, to: UInt8.self)
        return code < codes ? shape * codes + Int(code) : nil
    }

    /// The table entry of the key at a place, if it is known.
    @inline(__always)
    subscript(place: Int) -> Int? {
        get {
            let entry = entries[place]
            return entry == Self.unknown ? nil : Int(entry)
        }
        set { entries[place] = newValue.map { UInt16(truncatingIfNeeded: $0) } ?? Self.unknown }
    }
}

/// A step of a coding path.
struct PathKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "Index \(intValue)"
        self.intValue = intValue
    }

    /// Under which a class keeps what its superclass encodes.
    static let `super` = PathKey(stringValue: "super")
}
