// The format of encoded values: `Codable` as bytes, for two processes of the same binary on one machine.
//
// All numbers are in the machine's own byte order and unaligned. A *word* is a UInt64 whose lowest byte is a tag and whose
// other seven bytes are a length in bytes. A *value* starts with a tag:
//
//     nil, empty, false, true     the tag alone; `empty` is what a type leaves that encodes nothing
//     int8 … uint128, float,      the tag and the number in its own width; `Int` and `UInt` are written as the type of
//     double                      fixed width they equal
//     0x80 + n                    a string of n < 128 bytes of UTF-8, which follow
//     string                      a word and as many bytes of UTF-8 as it says
//     keyed                       a word and as many bytes of fields as it says
//     unkeyed                     a word, the number of elements as a UInt64, and as many bytes of elements as the word says
//
// An element of an unkeyed container is a value, or a *run*: a word (tag `run`), the tag of a number and the bytes of as many
// such numbers as the word's length holds, each of which is one element. An array of numbers is one run, and so is `Data`.
// A *spaced run* (tag `spacedRun`) has a gap before its numbers: behind the tag of a number stand the gap's length as a UInt32 and as many bytes that
// mean nothing; the word's length is that of the gap and the numbers. So long runs can lie in the pages of a file as an array has them.
//
// A field is a key and a value, or a key and the tag `absent`, which stands where `encodeIfPresent` had nothing to write: it
// keeps the fields of every record of one type in the same places, and a reader treats it as if it were not there. A key is
//
//     a byte below 0xFC           that entry of the message's key table
//     0xFC, UInt16                that entry of the key table
//     0xFF, UInt8 n, n bytes      the key itself, as UTF-8
//     0xFF, 0xFF, UInt64 n, …     the key itself, of 255 bytes or more
//
// A *message* is what one call of `encode(_:)` appends: a value that contains no key (a number, a string, an array of
// numbers), or a word (tag `message`) with the length of the value, the value, and its key table: the number of entries as a
// UInt32, and for each a UInt8 length and as many bytes of UTF-8. So a key is written once for an array of ten thousand
// records; and because the table stands outside the value, a reader may skip any part of the value.
//
// A type may write a key twice: both fields stand there, and a reader finds the next one from where it is, then the first.
//
// The same binary reads what it has written, so that nothing is versioned; but a worker may have gone mad before it wrote, so
// that a reader believes nothing: every length is compared with what surrounds it before it is used.

/// The first byte of everything.
enum Tag {
    static let absent: UInt8 = 0x00
    static let null: UInt8 = 0x01
    static let empty: UInt8 = 0x02
    static let `false`: UInt8 = 0x03
    static let `true`: UInt8 = 0x04
    static let int8: UInt8 = 0x10
    static let int16: UInt8 = 0x11
    static let int32: UInt8 = 0x12
    static let int64: UInt8 = 0x13
    static let int128: UInt8 = 0x14
    static let uint8: UInt8 = 0x18
    static let uint16: UInt8 = 0x19
    static let uint32: UInt8 = 0x1A
    static let uint64: UInt8 = 0x1B
    static let uint128: UInt8 = 0x1C
    static let float: UInt8 = 0x22
    static let double: UInt8 = 0x23
    static let string: UInt8 = 0x30
    static let keyed: UInt8 = 0x31
    static let unkeyed: UInt8 = 0x32
    static let run: UInt8 = 0x33
    static let message: UInt8 = 0x34
    static let spacedRun: UInt8 = 0x37
    static let shortString: UInt8 = 0x80

    /// Whether it is that of a run, spaced or not.
    @inline(__always)
    static func isRun(_ tag: UInt8) -> Bool { tag & ~(run ^ spacedRun) == run & spacedRun }

    /// The width in bytes of the number that follows a tag, or nil if the tag is not that of a number.
    @inline(__always)
    static func numberWidth(_ tag: UInt8) -> Int? {
        switch tag {
        case int8...int128, uint8...uint128, float...double: 1 << Int(tag & 7)
        default: nil
        }
    }

    /// How a tag is called in an error.
    static func name(_ tag: UInt8) -> String {
        switch tag {
        case absent, null: "nil"
        case empty: "an empty value"
        case `false`, `true`: "a Bool"
        case string, shortString...0xFF: "a string"
        case keyed: "a keyed container"
        case unkeyed: "an unkeyed container"
        default: numberWidth(tag) == nil ? "an unknown tag (\(tag))" : "a number"
        }
    }
}

/// The first byte of a key.
enum KeyForm {
    /// Table entries below this one are their own first byte.
    static let wideIndex: UInt8 = 0xFC
    static let inline: UInt8 = 0xFF
    /// A length byte that says that the length follows as a UInt64.
    static let longLength: UInt8 = 0xFF
    /// No more entries than this are put into a table; later keys are written inline.
    static let maximumTableCount = Int(UInt16.max)
}

/// A tag and a length, as they stand at the start of containers, long strings, runs and messages.
struct Word {
    static let size = MemoryLayout<UInt64>.size

    let bits: UInt64

    @inline(__always)
    init(bits: UInt64) { self.bits = bits }

    @inline(__always)
    init(_ tag: UInt8, length: Int) { bits = UInt64(length) << 8 | UInt64(tag) }

    @inline(__always)
    var tag: UInt8 { UInt8(truncatingIfNeeded: bits) }

    @inline(__always)
    var length: Int { Int(bits >> 8) }
}

/// Where the elements of an unkeyed container start, after its word and its count.
let unkeyedHeaderSize = Word.size + MemoryLayout<UInt64>.size

/// Where the numbers of a run start, after its word and the tag of its elements.
let runHeaderSize = Word.size + 1

/// Where the gap of a spaced run starts, after its length.
let spacedRunHeaderSize = runHeaderSize + MemoryLayout<UInt32>.size
