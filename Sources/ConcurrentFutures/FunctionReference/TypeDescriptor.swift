/// What the compiler says of a struct, an enum or a class, read with checks from its image.
struct TypeDescriptor {
    enum Kind: UInt32 {
        case `class` = 16
        case `struct` = 17
        case `enum` = 18
    }

    /// A generic parameter, as the metadata of a bound type holds its argument.
    enum Parameter {
        /// One word, a type.
        case type
        /// One word, an array of types, whose length is the word at this place of the arguments.
        case pack(lengthIndex: Int)
        /// One word, an integer.
        case value
    }

    let address: UInt
    let kind: Kind
    /// Those of the enclosing types included, outermost first; nil if an argument is not stored, because a requirement
    /// fixes it.
    let parameters: [Parameter]?
    /// The number of words before the first argument: the lengths of packs.
    let packLengthCount: Int

    /// Fails if there is no type descriptor at `address`.
    init?(at address: UInt, images: LoadedImages) {
        guard address % 4 == 0, let flags = images.load(UInt32.self, at: address),
            let kind = Kind(rawValue: flags & 0x1f)
        else { return nil }
        self.address = address
        self.kind = kind
        guard flags & 0x80 != 0 else {
            parameters = []
            packLengthCount = 0
            return
        }
        // The generic header follows the fixed part, and begins with two pointers that concern instantiation.
        let header = address + (kind == .class ? 44 : 28) + 8
        guard let parameterCount = images.load(UInt16.self, at: header),
            let requirementCount = images.load(UInt16.self, at: header + 2),
            let headerFlags = images.load(UInt16.self, at: header + 6)
        else { return nil }
        let firstParameter = header + 8
        let packHeader = firstParameter + (UInt(parameterCount) + 3) & ~3 + 12 * UInt(requirementCount)
        let hasPacks = headerFlags & 1 != 0
        packLengthCount = hasPacks ? Int(images.load(UInt16.self, at: packHeader + 2) ?? 0) : 0
        var parameters: [Parameter]? = []
        for index in 0..<UInt(parameterCount) {
            guard let description = images.load(UInt8.self, at: firstParameter + index) else { return nil }
            let argumentIndex = packLengthCount + Int(index)
            switch (description & 0x80 != 0, description & 0x3f) {
            case (true, 0): parameters?.append(.type)
            case (true, 1):
                guard let length = Self.lengthIndex(ofPackAt: argumentIndex, header: packHeader, images: images) else {
                    return nil
                }
                parameters?.append(.pack(lengthIndex: length))
            case (true, 2): parameters?.append(.value)
            default: parameters = nil
            }
        }
        self.parameters = parameters
    }

    private static func lengthIndex(ofPackAt argumentIndex: Int, header: UInt, images: LoadedImages) -> Int? {
        guard let packCount = images.load(UInt16.self, at: header) else { return nil }
        for pack in 0..<UInt(packCount) {
            let record = header + 4 + 8 * pack
            // Kind 0: a pack of types, and not of witness tables.
            if images.load(UInt16.self, at: record) == 0,
                images.load(UInt16.self, at: record + 2).map(Int.init) == argumentIndex
            {
                return images.load(UInt16.self, at: record + 4).map(Int.init)
            }
        }
        return nil
    }

    /// How far into the metadata of a bound type the generic arguments begin, in bytes.
    func argumentOffset(images: LoadedImages) -> Int? {
        guard kind == .class else { return 16 }
        guard let flags = images.load(UInt32.self, at: address) else { return nil }
        let hasResilientSuperclass = flags & (1 << 29) != 0
        let growsDownwards = flags & (1 << 28) != 0
        if hasResilientSuperclass {
            return images.relativePointer(at: address + 24).flatMap { images.load(Int.self, at: $0) }
        }
        guard let negativeSize = images.load(UInt32.self, at: address + 24),
            let positiveSize = images.load(UInt32.self, at: address + 28),
            let memberCount = images.load(UInt32.self, at: address + 32)
        else { return nil }
        return 8 * (growsDownwards ? -Int(negativeSize) : Int(positiveSize) - Int(memberCount))
    }
}
