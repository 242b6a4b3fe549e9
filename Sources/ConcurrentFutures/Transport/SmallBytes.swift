/// A few bytes without an allocation of their own: the arguments and results of most tasks are a number or two.
@usableFromInline
struct SmallBytes: Sendable {
    static let capacity = 20

    // Two numbers with their tags fit, and a task that waits has this twice.
    private var words: (UInt64, UInt64, UInt32) = (0, 0, 0)
    private let length: UInt8

    /// Copies the bytes, of which there must be at most ``capacity``.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= Self.capacity)
        length = UInt8(truncatingIfNeeded: bytes.count)
        withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: bytes) }
    }

    /// A number as it is encoded.
    @inline(__always)
    init<Number: BinaryNumber>(tagged number: Number) {
        length = UInt8(1 + MemoryLayout<Number>.size)
        withUnsafeMutableBytes(of: &words) { bytes in
            bytes.storeBytes(of: Number.tag, as: UInt8.self)
            bytes.storeBytes(of: number, toByteOffset: 1, as: Number.self)
        }
    }

    var count: Int { Int(length) }

    @inline(__always)
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try Swift.withUnsafeBytes(of: words) { try body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
