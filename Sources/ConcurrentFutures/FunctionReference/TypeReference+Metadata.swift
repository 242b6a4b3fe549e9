/// Describing a type by what its metadata says.
extension TypeReference {
    private enum Kind {
        static let tuple: UInt = 0x301
        static let metatype: UInt = 0x304
    }

    /// - Throws: if the type contains something that is no struct, enum, class, tuple or metatype and cannot be found by its name.
    init(describing type: Any.Type, images: LoadedImages) throws(FunctionReferenceError) {
        if let nominal = try NominalMetadata(type, images: images) {
            var arguments: [Argument] = []
            for argument in nominal.arguments {
                switch argument {
                case .type(let type): arguments.append(.type(try TypeReference(describing: type, images: images)))
                case .value(let value): arguments.append(.value(value))
                case .pack(let types):
                    var pack: [TypeReference] = []
                    for type in types { pack.append(try TypeReference(describing: type, images: images)) }
                    arguments.append(.pack(pack))
                }
            }
            self = .nominal(nominal.descriptor, arguments: arguments)
            return
        }
        // A metatype value is the address of the type's metadata, which the runtime never frees.
        let metadata = unsafeBitCast(type, to: UnsafeRawPointer.self)
        switch metadata.load(as: UInt.self) {
        case Kind.tuple:
            self = .tuple(try Self.elements(of: type, metadata, images: images))
        case Kind.metatype:
            let instance = metadata.load(fromByteOffset: 8, as: Any.Type.self)
            self = .metatype(try TypeReference(describing: instance, images: images))
        default:
            // A name that the runtime wrote may refer back to what stands before it: in another place it would refer to something else.
            guard let name = _mangledTypeName(type), !name.utf8.contains(where: { "A0$".utf8.contains($0) }) else {
                throw FunctionReferenceError(.unsupportedType("\(type)"))
            }
            self = .named(name)
        }
    }

    private static func elements(
        of type: Any.Type,
        _ metadata: UnsafeRawPointer,
        images: LoadedImages
    ) throws(FunctionReferenceError) -> [Element] {
        let count = metadata.load(fromByteOffset: 8, as: Int.self)
        let labels = metadata.load(fromByteOffset: 16, as: UnsafePointer<CChar>?.self).map { String(cString: $0) } ?? ""
        // Each label is followed by a space.
        let names = labels.split(separator: " ", omittingEmptySubsequences: false)
        guard labels.utf8.allSatisfy({ $0 < 0x80 }) else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
        var elements: [Element] = []
        for index in 0..<count {
            let element = metadata.load(fromByteOffset: 24 + 16 * index, as: Any.Type.self)
            elements.append(
                Element(
                    label: index < names.count && !names[index].isEmpty ? String(names[index]) : nil,
                    type: try TypeReference(describing: element, images: images)
                )
            )
        }
        return elements
    }
}
