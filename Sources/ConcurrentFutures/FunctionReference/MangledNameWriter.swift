/// Writes a type's mangled name with pointers to descriptors in place of the nominal types' names: a mangled name has a notation of its own for
/// them, a control byte and a relative pointer, which is filled in where the type is looked up.
struct MangledNameWriter {
    private var name: [UInt8] = []
    private var holes: [(offset: Int, descriptor: UInt)] = []
    private let images: LoadedImages

    init(images: LoadedImages) {
        self.images = images
    }

    mutating func append(_ type: TypeReference) throws(FunctionReferenceError) {
        switch type {
        case .named(let name):
            append(name)
        case .nominal(let descriptor, let arguments):
            try append(descriptor)
            guard !arguments.isEmpty else { return }
            append("y")
            for argument in arguments { try append(argument) }
            append("G")
        case .tuple(let elements):
            try appendList(elements)
            append("t")
        case .metatype(let type):
            try append(type)
            append("m")
        }
    }

    private mutating func append(_ text: String) {
        name += text.utf8
    }

    /// The control byte before a relative pointer to a pointer to a type descriptor.
    private static let indirectReference: UInt8 = 2

    private mutating func append(_ location: ImageAddress) throws(FunctionReferenceError) {
        let descriptor = try location.resolve(in: images)
        guard TypeDescriptor(at: descriptor, images: images) != nil else {
            throw FunctionReferenceError(.unsupportedType("at \(location.offset) in \(location.imageName)"))
        }
        name.append(Self.indirectReference)
        holes.append((name.count, descriptor))
        name += [0, 0, 0, 0]
    }

    private mutating func append(_ argument: TypeReference.Argument) throws(FunctionReferenceError) {
        switch argument {
        case .type(let type): try append(type)
        case .value(let value): append(Self.mangled(value))
        case .pack(let types):
            try appendList(types.map { TypeReference.Element(label: nil, type: $0) })
            append("QP")
        }
    }

    /// The first element is followed by `_`, an empty list is `y`.
    private mutating func appendList(_ elements: [TypeReference.Element]) throws(FunctionReferenceError) {
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

    /// The type of the name; `nil` if there is none.
    var type: Any.Type? {
        // One allocation for the name and the pointers it refers to, so that 32 bits reach. The runtime keeps neither.
        let wordSize = MemoryLayout<UInt>.size
        let pointers = roundedUp(name.count, to: wordSize)
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
