import Synchronization

/// The type of an error as bytes that nobody need trust: whatever they are, they lead to a type that this process has, or to none.
///
/// Handing such bytes to the runtime unchecked, as names or addresses, would let it follow wherever they point. So there is no name in them, but places of
/// images, where a type's descriptor must be that the image's own list of types has; and those, only with as many arguments as the type
/// takes, are all that the runtime is given.
struct ErrorTypeReference: Hashable, Sendable, Codable {
    private let type: TypeReference

    private struct Known {
        var references: [ObjectIdentifier: ErrorTypeReference] = [:]
        var types: [ErrorTypeReference: any (Error & Codable).Type] = [:]
    }

    private static let known = Mutex(Known())
    /// A program has few error types; the bound is for one that makes ever more out of generic ones.
    private static let mostKnown = 1024

    private init(describing type: any (Error & Codable).Type) throws(FunctionReferenceError) {
        self.type = try TypeReference(describing: type, images: LoadedImages.current)
    }

    /// - Throws: if the type has an argument that is no struct, enum or class, or that is an integer.
    init(_ type: any (Error & Codable).Type) throws(FunctionReferenceError) {
        let id = ObjectIdentifier(type)
        if let known = Self.known.withLock({ $0.references[id] }) {
            self = known
            return
        }
        try self.init(describing: type)
        guard try resolve() == type else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
        let reference = self
        Self.known.withLock { known in
            if known.references.count < Self.mostKnown { known.references[id] = reference }
        }
    }

    /// The type in this process.
    ///
    /// - Throws: if an image is missing, or there is no such type in it, or it is no error that can be decoded.
    func resolve() throws(FunctionReferenceError) -> any (Error & Codable).Type {
        if let known = Self.known.withLock({ $0.types[self] }) { return known }
        let images = LoadedImages.current
        var check = Check(images: images)
        try check.nominal(type, depth: 0)
        guard let found = try type.resolve() as? any (Error & Codable).Type else {
            throw FunctionReferenceError(.unsupportedType("\(type)"))
        }
        // Other references may lead there too, as there is more in them than is needed; no number of them is to fill the memory.
        guard try ErrorTypeReference(describing: found) == self else { return found }
        Self.known.withLock { known in
            if known.types.count < Self.mostKnown { known.types[self] = found }
        }
        return found
    }

    /// Goes through a description before the runtime gets to see it.
    private struct Check {
        let images: LoadedImages
        private var count = 0

        private static let mostParts = 64
        private static let deepest = 16

        init(images: LoadedImages) {
            self.images = images
        }

        mutating func nominal(_ type: TypeReference, depth: Int) throws(FunctionReferenceError) {
            count += 1
            guard count <= Self.mostParts, depth <= Self.deepest, case .nominal(let location, let arguments) = type,
                case let address = try location.resolve(in: images),
                TypeRecords.declare(descriptorAt: address),
                let descriptor = TypeDescriptor(at: address, images: images),
                let parameters = descriptor.parameters, parameters.count == arguments.count
            else { throw FunctionReferenceError(.unsupportedType("\(type)")) }
            var packLengths: [Int: Int] = [:]
            for (parameter, argument) in zip(parameters, arguments) {
                switch (parameter, argument) {
                case (.type, .type(let type)):
                    try nominal(type, depth: depth + 1)
                case (.pack(let lengthIndex), .pack(let types)):
                    guard packLengths.updateValue(types.count, forKey: lengthIndex) ?? types.count == types.count else {
                        throw FunctionReferenceError(.unsupportedType("\(type)"))
                    }
                    for type in types { try nominal(type, depth: depth + 1) }
                default:
                    // An integer too: any would do, and make a type of any size.
                    throw FunctionReferenceError(.unsupportedType("\(type)"))
                }
            }
        }
    }
}
