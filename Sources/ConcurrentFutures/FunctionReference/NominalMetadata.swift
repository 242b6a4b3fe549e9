/// What the metadata of a struct, an enum or a class says: where its descriptor is, and what its type arguments are.
struct NominalMetadata {
    enum Argument {
        case type(Any.Type)
        case pack([Any.Type])
        case value(Int)
    }

    private enum Kind {
        static let `class`: UInt = 0
        static let `struct`: UInt = 0x200
        static let `enum`: UInt = 0x201
        static let optional: UInt = 0x202
    }

    let descriptor: ImageAddress
    /// Those of the enclosing types included, outermost first.
    let arguments: [Argument]

    /// Fails if the type is of another kind.
    ///
    /// - Throws: if an argument is not stored, or the descriptor cannot be read.
    init?(_ type: Any.Type, images: LoadedImages) throws(FunctionReferenceError) {
        // A metatype value is the address of the type's metadata, which the runtime never frees.
        let metadata = unsafeBitCast(type, to: UnsafeRawPointer.self)
        let address: UInt
        switch metadata.load(as: UInt.self) {
        case Kind.struct, Kind.enum, Kind.optional: address = metadata.load(fromByteOffset: 8, as: UInt.self)
        case Kind.class: address = metadata.load(fromByteOffset: 40, as: UInt.self)
        default: return nil
        }
        guard let location = ImageAddress(address, in: images),
            let descriptor = TypeDescriptor(at: address, images: images),
            let parameters = descriptor.parameters,
            let argumentOffset = descriptor.argumentOffset(images: images)
        else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
        self.descriptor = location
        let words = metadata + argumentOffset
        arguments = parameters.enumerated().map { index, parameter in
            let offset = 8 * (descriptor.packLengthCount + index)
            switch parameter {
            case .type:
                return .type(words.load(fromByteOffset: offset, as: Any.Type.self))
            case .value:
                return .value(words.load(fromByteOffset: offset, as: Int.self))
            case .pack(let lengthIndex):
                let length = words.load(fromByteOffset: 8 * lengthIndex, as: Int.self)
                // The lowest bit tells where the runtime keeps the pack.
                let types = UnsafePointer<Any.Type>(bitPattern: words.load(fromByteOffset: offset, as: UInt.self) & ~1)
                return .pack((0..<length).map { types![$0] })
            }
        }
    }
}
