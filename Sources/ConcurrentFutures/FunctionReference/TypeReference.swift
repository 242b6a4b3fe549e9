/// A type as bytes, and back: it means the same in every process of one binary.
///
/// It is the type's mangled name. Where that does not lead back to the type, because a part of it is private or local, the
/// name is put together from the addresses of type descriptors, for which a mangled name has a notation of its own: a
/// control byte and a relative pointer, which is filled in where the type is resolved.
struct TypeReference: Codable, Hashable, Sendable {
    enum Piece: Codable, Hashable, Sendable {
        case text(String)
        case descriptor(ImageAddress)
    }

    private let pieces: [Piece]

    /// Costs a search through every image's types the first time; keep it.
    ///
    /// - Throws: if the type contains something private or local that is no struct, enum, class, tuple or metatype.
    init(_ type: Any.Type) throws(FunctionReferenceError) {
        if let name = _mangledTypeName(type), !Self.holdsAddress(name), let found = _typeByName(name), found == type {
            pieces = [.text(name)]
            return
        }
        var mangler = DescriptorMangler(images: LoadedImages.current)
        try mangler.append(type)
        pieces = mangler.pieces
        guard try resolve() == type else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
    }

    /// The type in this process.
    ///
    /// - Throws: if an image is missing, or there is no such type in it.
    func resolve() throws(FunctionReferenceError) -> Any.Type {
        let images = LoadedImages.current
        var name: [UInt8] = []
        var holes: [(offset: Int, descriptor: UInt)] = []
        for piece in pieces {
            switch piece {
            case .text(let text):
                name += text.utf8
            case .descriptor(let address):
                let descriptor = try address.resolve(in: images)
                guard TypeDescriptor(at: descriptor, images: images) != nil else {
                    throw FunctionReferenceError(.unsupportedType("at \(address.offset) in \(address.imageName)"))
                }
                name.append(Self.indirectReference)
                holes.append((name.count, descriptor))
                name += [0, 0, 0, 0]
            }
        }
        guard let type = Self.type(named: name, holes: holes) else {
            throw FunctionReferenceError(.unsupportedType(String(decoding: name.filter { $0 > 2 }, as: UTF8.self)))
        }
        return type
    }

    /// The control byte before a relative pointer to a pointer to a type descriptor.
    private static let indirectReference: UInt8 = 2

    /// In place of a private declaration's scope the runtime writes the scope's address, as `$` and digits: nothing can be
    /// found under such a name, and the attempt would search every image.
    private static func holdsAddress(_ name: String) -> Bool {
        name.utf8.contains(UInt8(ascii: "$")) && name.contains("yXZ")
    }

    private static func type(named name: [UInt8], holes: [(offset: Int, descriptor: UInt)]) -> Any.Type? {
        // One allocation for the name and the pointers it refers to, so that 32 bits reach. The runtime keeps neither.
        let wordSize = MemoryLayout<UInt>.size
        let pointers = (name.count + wordSize - 1) / wordSize * wordSize
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: pointers + holes.count * wordSize,
            alignment: MemoryLayout<UInt>.alignment
        )
        defer { buffer.deallocate() }
        buffer.copyBytes(from: name)
        for (index, hole) in holes.enumerated() {
            let pointer = pointers + index * wordSize
            buffer.storeBytes(of: hole.descriptor, toByteOffset: pointer, as: UInt.self)
            buffer.storeBytes(of: Int32(pointer - hole.offset), toByteOffset: hole.offset, as: Int32.self)
        }
        guard let start = buffer.baseAddress else { return nil }
        return _getTypeByMangledNameInContext(
            start.assumingMemoryBound(to: UInt8.self),
            UInt(name.count),
            genericContext: nil,
            genericArguments: nil
        )
    }
}
