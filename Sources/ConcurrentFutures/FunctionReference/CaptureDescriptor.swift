/// What the compiler says of a closure's context: the types of what it holds.
struct CaptureDescriptor {
    private static let maximumCaptures: UInt32 = 1024

    /// The mangled names, without the terminating zero, where they stand in the image: the relative references in them hold
    /// only there.
    let typeNames: [UnsafeRawBufferPointer]
    /// Whether the context holds type arguments of a generic function, too.
    let hasGenericBindings: Bool

    init(at address: UInt, images: LoadedImages) throws(FunctionReferenceError) {
        guard let captures = images.load(UInt32.self, at: address), captures <= Self.maximumCaptures,
            let metadataSources = images.load(UInt32.self, at: address + 4),
            let bindings = images.load(UInt32.self, at: address + 8)
        else { throw FunctionReferenceError(.capturesValue(types: [])) }
        hasGenericBindings = metadataSources != 0 || bindings != 0
        var typeNames: [UnsafeRawBufferPointer] = []
        for index in 0..<UInt(captures) {
            guard let start = images.relativePointer(at: address + 12 + 4 * index),
                let bytes = images.bytes(at: start),
                let length = MangledName.length(in: bytes)
            else { throw FunctionReferenceError(.capturesValue(types: [])) }
            typeNames.append(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
        }
        self.typeNames = typeNames
    }

    /// The captured types as a person would write them, for an error message.
    var readableTypes: [String] {
        guard !hasGenericBindings else { return [] }
        return typeNames.compactMap { name in
            guard let start = name.baseAddress else { return nil }
            return _getTypeByMangledNameInContext(
                start.assumingMemoryBound(to: UInt8.self),
                UInt(name.count),
                genericContext: nil,
                genericArguments: nil
            ).map { "\($0)" }
        }
    }
}
