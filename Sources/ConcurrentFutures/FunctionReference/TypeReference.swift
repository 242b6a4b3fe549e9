/// A type as bytes, and back: it means the same in every process of one binary.
///
/// It is the type's mangled name. Where that does not lead back to the type, because a part of it is private or local, it says how the type is put
/// together from types whose descriptors lie at known places of an image.
enum TypeReference: Codable, Hashable, Sendable {
    enum Argument: Codable, Hashable, Sendable {
        case type(TypeReference)
        case pack([TypeReference])
        case value(Int)
    }

    struct Element: Codable, Hashable, Sendable {
        var label: String?
        var type: TypeReference
    }

    case named(String)
    /// A struct, an enum or a class; the arguments are those of the enclosing types too, outermost first.
    case nominal(ImageAddress, arguments: [Argument])
    case tuple([Element])
    indirect case metatype(TypeReference)

    /// Costs a search through every image's types the first time; keep it.
    ///
    /// - Throws: if the type contains something private or local that is no struct, enum, class, tuple or metatype.
    init(_ type: Any.Type) throws(FunctionReferenceError) {
        if let name = _mangledTypeName(type), !Self.holdsAddress(name), let found = _typeByName(name), found == type {
            self = .named(name)
            return
        }
        self = try TypeReference(describing: type, images: LoadedImages.current)
        guard try resolve() == type else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
    }

    /// The type in this process; for bytes that are to be trusted.
    ///
    /// - Throws: if an image is missing, or there is no such type in it.
    func resolve() throws(FunctionReferenceError) -> Any.Type {
        var name = MangledNameWriter(images: LoadedImages.current)
        try name.append(self)
        guard let type = name.type else { throw FunctionReferenceError(.unsupportedType("\(self)")) }
        return type
    }

    /// In place of a private declaration's scope the runtime writes the scope's address, as `$` and digits: nothing can be
    /// found under such a name, and the attempt would search every image.
    private static func holdsAddress(_ name: String) -> Bool {
        name.utf8.contains(UInt8(ascii: "$")) && name.contains("yXZ")
    }
}

extension TypeReference: CustomStringConvertible {
    var description: String {
        switch self {
        case .named(let name): name
        case .nominal(let descriptor, let arguments):
            "at \(descriptor.offset) in \(descriptor.imageName)" + (arguments.isEmpty ? "" : " of \(arguments)")
        case .tuple(let elements): "\(elements.map(\.type))"
        case .metatype(let type): "\(type).Type"
        }
    }
}
