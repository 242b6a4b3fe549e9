/// A number that is written as its own bytes: each fixed-width integer, and `Float` and `Double`.
protocol BinaryNumber: BitwiseCopyable {
    /// The tag that stands before it.
    static var tag: UInt8 { get }
    /// The same number in this type, or nil if it does not fit.
    init?(converting number: AnyNumber)
}

/// A number as it was found, wide enough for all.
enum AnyNumber {
    case signed(Int128)
    case unsigned(UInt128)
    case real(Double)
}

extension BinaryNumber where Self: FixedWidthInteger {
    static var tag: UInt8 {
        let width = UInt8(truncatingIfNeeded: (bitWidth / 8).trailingZeroBitCount)
        return (isSigned ? Tag.int8 : Tag.uint8) + width
    }

    init?(converting number: AnyNumber) {
        switch number {
        case .signed(let value): self.init(exactly: value)
        case .unsigned(let value): self.init(exactly: value)
        case .real(let value): self.init(exactly: value)
        }
    }
}

extension BinaryNumber where Self: BinaryFloatingPoint {
    // As JSON has it: an integer must survive, while a fraction is rounded to the precision of the narrower type.
    init?(converting number: AnyNumber) {
        switch number {
        case .signed(let value): self.init(exactly: value)
        case .unsigned(let value): self.init(exactly: value)
        case .real(let value):
            self.init(value)
            if isInfinite && value.isFinite { return nil }
        }
    }
}

extension Int: BinaryNumber {}
extension Int8: BinaryNumber {}
extension Int16: BinaryNumber {}
extension Int32: BinaryNumber {}
extension Int64: BinaryNumber {}
extension Int128: BinaryNumber {}
extension UInt: BinaryNumber {}
extension UInt8: BinaryNumber {}
extension UInt16: BinaryNumber {}
extension UInt32: BinaryNumber {}
extension UInt64: BinaryNumber {}
extension UInt128: BinaryNumber {}

extension Float: BinaryNumber {
    static var tag: UInt8 { Tag.float }
}

extension Double: BinaryNumber {
    static var tag: UInt8 { Tag.double }
}

/// A value whose type is known to be another one.
///
/// The caller has compared the two metatypes, so that both are one type and nothing is reinterpreted. A dynamic cast would say
/// the same and take a hundred times as long.
@inline(__always)
func sameType<Known, Wanted>(_ value: Known, as type: Wanted.Type) -> Wanted {
    unsafeBitCast(value, to: type)
}
