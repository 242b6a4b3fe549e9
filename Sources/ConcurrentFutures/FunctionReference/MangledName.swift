/// Walks over a mangled name as it stands in an image: text with symbolic references in it, which are a control byte and
/// four or eight bytes of any value.
struct MangledName {
    /// Far more than any name that was seen: the bound is for bytes that are none.
    private static let maximumLength = 1 << 14

    /// The length of the name that begins `bytes`, or nil if it does not end in them.
    static func length(in bytes: UnsafeRawBufferPointer) -> Int? {
        var position = 0
        while position < min(bytes.count, maximumLength) {
            let byte = bytes[position]
            if byte == 0 { return position }
            position += 1 + referenceSize(afterControlByte: byte)
        }
        return nil
    }

    private static func referenceSize(afterControlByte byte: UInt8) -> Int {
        switch byte {
        case 0x01...0x17: 4
        case 0x18...0x1f: 8
        default: 0
        }
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    private init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The letters of the last operator of the name and of those before it that have no underscore, up to and with the final
    /// underscore; nil if the name does not end in one.
    ///
    /// Whatever could pass for an operator's letters and is none (identifiers, references, substitutions) is left out, so
    /// that no name of a type can look like an operator.
    static func lastOperators(of name: UnsafeRawBufferPointer) -> [UInt8]? {
        var walk = MangledName(name)
        var letters: [UInt8] = []
        while let byte = walk.next() {
            switch byte {
            case 0x01...0x1f:
                walk.position += referenceSize(afterControlByte: byte)
                letters = []
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                walk.position -= 1
                guard walk.skipIdentifier() else { return nil }
                letters = []
            case UInt8(ascii: "S"):
                walk.skipStandardSubstitution()
                letters = []
            case UInt8(ascii: "A"):
                walk.skipSubstitutions()
                letters = []
            case UInt8(ascii: "_") where walk.position == name.count:
                return letters + [byte]
            case UInt8(ascii: "_"):
                letters = []
            case UInt8(ascii: "q"), UInt8(ascii: "d"), UInt8(ascii: "z"), UInt8(ascii: "$"):
                // An index may follow, which is no identifier's length.
                let start = walk.position
                walk.skipDigits()
                if walk.position > start, walk.peek != UInt8(ascii: "_") { return nil }
                letters.append(byte)
            default:
                letters.append(byte)
            }
        }
        return nil
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func next() -> UInt8? {
        guard let byte = peek else { return nil }
        position += 1
        return byte
    }

    @discardableResult
    private mutating func skipDigits() -> Int {
        var value = 0
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            value = value &* 10 &+ Int(byte - UInt8(ascii: "0"))
            position += 1
        }
        return value
    }

    /// A length and so many bytes; with a leading zero, words of earlier identifiers come before (`0aB3Foo`), and two
    /// zeros mean punycode.
    private mutating func skipIdentifier() -> Bool {
        var hasWords = false
        var isPunycode = false
        if peek == UInt8(ascii: "0") {
            position += 1
            isPunycode = peek == UInt8(ascii: "0")
            hasWords = !isPunycode
            if isPunycode { position += 1 }
        }
        repeat {
            while hasWords, let byte = peek, Self.isLetter(byte) {
                position += 1
                hasWords = byte >= UInt8(ascii: "a")
            }
            if peek == UInt8(ascii: "0") {
                position += 1
                break
            }
            let length = skipDigits()
            if isPunycode, peek == UInt8(ascii: "_") { position += 1 }
            guard length > 0, length <= bytes.count - position else { return false }
            position += length
        } while hasWords
        return true
    }

    /// `Si`, `S2i` (twice), `ScA`.
    private mutating func skipStandardSubstitution() {
        skipDigits()
        if next() == UInt8(ascii: "c") { _ = next() }
    }

    /// `AB`, `AbcD` (three in a row), `A2B` (twice), `A12_`.
    private mutating func skipSubstitutions() {
        while true {
            skipDigits()
            guard let byte = next(), (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) else { return }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
