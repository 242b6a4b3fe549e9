import Synchronization

/// Foundation's `Data`, found without importing Foundation.
///
/// `Data` encodes itself as a run of bytes but decodes itself byte by byte. It is known here by its name, and made as what it
/// also is: a collection that can be made of bytes.
enum DataTypes {
    private static let names: Set<String> = ["10Foundation4DataV", "20FoundationEssentials4DataV"]
    private static let size = 16
    /// Whether a type that was found where bytes stand is `Data`.
    private static let known = Mutex<[ObjectIdentifier: Bool]>([:])

    /// The bytes as a value of this type, or nil if the type is not `Data`.
    static func make<T>(_ type: T.Type, of bytes: UnsafeRawBufferPointer) -> T? {
        guard MemoryLayout<T>.size == size, isData(type),
            let data = type as? any RangeReplaceableCollection<UInt8>.Type
        else { return nil }
        return collection(data, of: bytes) as? T
    }

    private static func collection<Bytes: RangeReplaceableCollection<UInt8>>(
        _ type: Bytes.Type,
        of bytes: UnsafeRawBufferPointer
    ) -> Any {
        bytes.withMemoryRebound(to: UInt8.self) { Bytes($0) }
    }

    private static func isData(_ type: Any.Type) -> Bool {
        let id = ObjectIdentifier(type)
        if let known = known.withLock({ $0[id] }) { return known }
        let isData = _mangledTypeName(type).map(names.contains) ?? false
        known.withLock { $0[id] = isData }
        return isData
    }
}
