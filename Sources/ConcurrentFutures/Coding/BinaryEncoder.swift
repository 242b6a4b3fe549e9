/// Turns values into bytes, one after another.
///
/// Each call of `encode(_:)` appends one message that can be read by itself; see `BinaryFormat.swift`. An encoder can be used
/// again after `removeAll(keepingCapacity:)` or `takeBytes()`, which is cheaper than a new one.
@usableFromInline
struct BinaryEncoder: ~Copyable, Sendable {
    let session = EncodingSession()

    init() {}

    /// Appends a value.
    ///
    /// - Throws: What the value's `encode(to:)` throws, and `EncodingError` for a value that is nested too deeply. Nothing of
    ///   the value is left then.
    mutating func encode<T: Encodable>(_ value: T) throws {
        try session.appendMessage(value)
    }

    /// How many bytes there are.
    var count: Int { session.out.count }

    /// Lends the bytes.
    mutating func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try session.out.withUnsafeBytes(body)
    }

    /// Drops what was appended after there were `count` bytes.
    mutating func truncate(to count: Int) { session.out.truncate(to: count) }

    /// Drops everything, with the leave to attach files.
    mutating func removeAll(keepingCapacity: Bool) {
        session.out.removeAll(keepingCapacity: keepingCapacity)
        session.attachments = nil
    }

    /// Gives the bytes away, without copying more than the last few KiB, and is empty afterwards.
    mutating func takeBytes() -> [UInt8] { session.out.take() }

    // MARK: Files

    /// Has what grows big written straight into files.
    mutating func setSource(_ source: (any WarmFileSource)?) { session.out.source = source }

    /// The file in which all bytes are, if they are in one.
    mutating func completeFile() -> WarmFile? { session.out.completeFile() }

    /// Where numbers lie in the file that were encoded many at once, in order.
    var runs: [Range<Int>] { session.out.runs }

    /// Gives the file away, with how many bytes of it there are, and is empty afterwards; `nil` if they are not in one.
    mutating func takeFile() -> (file: WarmFile, count: Int)? { session.out.takeFile() }

    // MARK: For the layers that frame messages

    mutating func append(_ byte: UInt8) { session.out.append(byte) }
    mutating func append(_ number: UInt32) { session.out.append(raw: number) }
    mutating func append(_ number: UInt64) { session.out.append(raw: number) }
    mutating func append<Number: BinaryNumber>(tagged number: Number) { session.out.append(tagged: number) }
    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) { session.out.append(contentsOf: bytes) }

    /// Replaces a number that was appended before, at a place that `count` told then.
    mutating func overwrite(_ number: UInt64, at offset: Int) { session.out.overwrite(at: offset, with: number) }
}
