/// Writes a type's mangled name with descriptors in place of the nominal types' names.
///
/// No part of it is a name that the runtime wrote for a part of the type, as such a name refers back to what stands before
/// it: in another place it would refer to something else.
struct DescriptorMangler {
    private enum Kind {
        static let `class`: UInt = 0
        static let `struct`: UInt = 0x200
        static let `enum`: UInt = 0x201
        static let optional: UInt = 0x202
        static let tuple: UInt = 0x301
        static let metatype: UInt = 0x304
    }

    private(set) var pieces: [TypeReference.Piece] = []
    private let images: LoadedImages

    init(images: LoadedImages) {
        self.images = images
    }

    mutating func append(_ type: Any.Type) throws(FunctionReferenceError) {
        // A metatype value is the address of the type's metadata, which the runtime never frees.
        let metadata = unsafeBitCast(type, to: UnsafeRawPointer.self)
        switch metadata.load(as: UInt.self) {
        case Kind.struct, Kind.enum, Kind.optional:
            try appendNominal(type, metadata, descriptor: metadata.load(fromByteOffset: 8, as: UInt.self))
        case Kind.class:
            try appendNominal(type, metadata, descriptor: metadata.load(fromByteOffset: 40, as: UInt.self))
        case Kind.tuple:
            try appendTuple(type, metadata)
        case Kind.metatype:
            try append(metadata.load(fromByteOffset: 8, as: Any.Type.self))
            append("m")
        default:
            guard let name = _mangledTypeName(type), !name.utf8.contains(where: { "A0$".utf8.contains($0) }) else {
                throw FunctionReferenceError(.unsupportedType("\(type)"))
            }
            append(name)
        }
    }

    private mutating func append(_ text: String) {
        if case .text(let before) = pieces.last {
            pieces[pieces.count - 1] = .text(before + text)
        } else {
            pieces.append(.text(text))
        }
    }

    private mutating func appendNominal(
        _ type: Any.Type,
        _ metadata: UnsafeRawPointer,
        descriptor address: UInt
    ) throws(FunctionReferenceError) {
        guard let location = ImageAddress(address, in: images),
            let descriptor = TypeDescriptor(at: address, images: images),
            let parameters = descriptor.parameters,
            let argumentOffset = descriptor.argumentOffset(images: images)
        else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
        pieces.append(.descriptor(location))
        guard !parameters.isEmpty else { return }
        append("y")
        let arguments = metadata + argumentOffset
        for (index, parameter) in parameters.enumerated() {
            let offset = 8 * (descriptor.packLengthCount + index)
            switch parameter {
            case .type:
                try append(arguments.load(fromByteOffset: offset, as: Any.Type.self))
            case .value:
                append(Self.mangled(arguments.load(fromByteOffset: offset, as: Int.self)))
            case .pack(let lengthIndex):
                let length = arguments.load(fromByteOffset: 8 * lengthIndex, as: Int.self)
                try appendPack(at: arguments.load(fromByteOffset: offset, as: UInt.self), length: length)
            }
        }
        append("G")
    }

    private mutating func appendPack(at word: UInt, length: Int) throws(FunctionReferenceError) {
        // The lowest bit tells where the runtime keeps the pack.
        let types = UnsafePointer<Any.Type>(bitPattern: word & ~1)
        try appendList((0..<length).lazy.map { (types![$0], nil) })
        append("QP")
    }

    private mutating func appendTuple(_ type: Any.Type, _ metadata: UnsafeRawPointer) throws(FunctionReferenceError) {
        let count = metadata.load(fromByteOffset: 8, as: Int.self)
        let labels = metadata.load(fromByteOffset: 16, as: UnsafePointer<CChar>?.self).map { String(cString: $0) } ?? ""
        // Each label is followed by a space.
        let names = labels.split(separator: " ", omittingEmptySubsequences: false)
        guard labels.utf8.allSatisfy({ $0 < 0x80 }) else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
        try appendList(
            (0..<count).lazy.map { index in
                let element = metadata.load(fromByteOffset: 24 + 16 * index, as: Any.Type.self)
                return (element, index < names.count && !names[index].isEmpty ? String(names[index]) : nil)
            }
        )
        append("t")
    }

    /// The first element is followed by `_`, an empty list is `y`.
    private mutating func appendList(
        _ elements: some Collection<(type: Any.Type, label: String?)>
    ) throws(FunctionReferenceError) {
        if elements.isEmpty { append("y") }
        for (index, element) in elements.enumerated() {
            try append(element.type)
            if let label = element.label { append("\(label.utf8.count)\(label)") }
            if index == 0 { append("_") }
        }
    }

    /// `$_` is 0, `$0_` is 1, and `$n…` is negative.
    private static func mangled(_ value: Int) -> String {
        let index = value.magnitude == 0 ? "_" : "\(value.magnitude - 1)_"
        return "$" + (value < 0 ? "n" : "") + index
    }
}
