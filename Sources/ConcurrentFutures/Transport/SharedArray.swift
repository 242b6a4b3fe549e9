import Glibc

/// An array in memory that several processes share: handing it to a worker, and back, costs the same whatever its size, because nothing of it
/// is copied.
///
/// It is filled once, in a closure, and constant from then on: no process can write to it, this one included. A task gets it as an argument,
/// or within one, and may return it, or one that it has made.
///
/// ```swift
/// func sum(_ samples: SharedArray<Float>, _ range: Range<Int>) -> Float {
///     samples.withUnsafeBufferPointer { $0[range].reduce(0, +) }
/// }
///
/// let samples = try SharedArray<Float>(count: 100_000_000) { buffer in
///     for index in buffer.indices { buffer[index] = sample(index) }
/// }
/// try await withProcessPool { pool in
///     let half = samples.count / 2
///     let first = pool.submit(sum, samples, 0..<half)
///     let second = pool.submit(sum, samples, half..<samples.count)
///     print(try await first.value + second.value)
/// }
/// ```
///
/// ## What it is made of
/// The elements lie in a memory file, which each process maps when it gets the array; the system frees it with the last process that has it,
/// whoever dies. So each array takes one file descriptor and one mapping in each process that holds it, as long as it holds it or a copy of
/// it: copies share both. Making an array takes memory at once for all of it, not when it is first written to.
///
/// At most 64 arrays travel with one call, and with its result; the same one, twice, counts once. A call with more fails with
/// ``PoolError/Code/encodingFailed``. Where descriptors or memory run out, making an array throws
/// ``PoolError/Code/resourcesExhausted``, and so fails a task whose arrays find no room.
///
/// ## Which elements
/// Every pattern of bits must be a value of the type, since whatever a worker has written is read: integers, floating point numbers, SIMD vectors,
/// and structs and tuples of these. A `Bool`, an enum or an optional, also as a field of a struct, is refused when an array is made or
/// received. What fields of a struct mean to each other is not checked.
///
/// ## Where it can be encoded
/// It is `Codable` for the sake of calls: in the arguments and results of a pool's tasks, to any depth, also in an ``InlineExecutor`` and from
/// within a worker to its own pool. A `JSONEncoder`, or any other, throws an `EncodingError`; and so do a pool's initializer and
/// preload, to which no files travel.
public struct SharedArray<Element: BitwiseCopyable & Sendable>: Sendable {
    /// The memory; `nil` if the array is empty.
    private let memory: Memory?
    /// How many elements there are.
    public let count: Int

    private struct Memory {
        let file: SharedFile
        let mapping: MemoryMapping
    }

    /// Makes an array and fills it.
    ///
    /// - Parameters:
    ///   - count: how many elements it has.
    ///   - fill: is lent the elements, which are all zero: those that it does not write remain so.
    /// - Throws: ``PoolError`` with the code ``PoolError/Code/resourcesExhausted`` if this program has too little memory or too few descriptors
    ///   for it, and ``PoolError/Code/invalidConfiguration`` for a type of elements of which not every pattern of bits is a value; and what
    ///   `fill` throws.
    /// - Complexity: O(*n*). The memory is taken from the system, cleared, by this call; where pages are small that takes
    ///   a second or two a GiB.
    public init(count: Int, filledBy fill: (UnsafeMutableBufferPointer<Element>) throws -> Void) throws {
        precondition(count >= 0, "an array of \(count) elements")
        try Self.checkElements()
        self.count = count
        guard let size = Self.size(of: count) else {
            throw Self.exhausted(count, SystemError("memory", number: ENOMEM))
        }
        guard size > 0 else {
            memory = nil
            try fill(UnsafeMutableBufferPointer(start: nil, count: 0))
            return
        }
        do {
            let file = try SharedFile(count: size) { bytes in
                // Zeroes are a value of every type that is allowed.
                try fill(bytes.bindMemory(to: Element.self))
            }
            memory = Memory(file: file, mapping: try file.mapped(count: size))
        } catch let error as SystemError {
            throw Self.exhausted(count, error)
        }
    }

    /// Makes an array of the elements of a collection.
    ///
    /// - Throws: as ``init(count:filledBy:)``.
    public init(_ elements: some Collection<Element>) throws {
        try self.init(count: elements.count) { buffer in
            // The standard library's own does not take what has no place.
            let end = buffer.isEmpty ? buffer.endIndex : buffer.update(fromContentsOf: elements)
            precondition(end == buffer.endIndex, "a collection has fewer elements than it says")
        }
    }

    /// Makes an array of one value, many times.
    ///
    /// - Throws: as ``init(count:filledBy:)``.
    public init(repeating value: Element, count: Int) throws {
        try self.init(count: count) { $0.update(repeating: value) }
    }

    /// Bytes of so many elements; `nil` if no machine has as many.
    private static func size(of count: Int) -> Int? {
        let (size, isTooMuch) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        return isTooMuch ? nil : size
    }

    private static func checkElements() throws {
        guard ElementTypes.takeAnyBits(Element.self) else {
            throw PoolError(
                .invalidConfiguration,
                """
                the elements of a SharedArray cannot be of type \(Element.self): another process may have written bits that are no value \
                of it. Use integers, floating point numbers, SIMD vectors, or structs of them
                """
            )
        }
    }

    private static func exhausted(_ count: Int, _ error: SystemError) -> PoolError {
        PoolError(
            .resourcesExhausted,
            """
            a SharedArray of \(count) elements of type \(Element.self) finds no room: \(error); this program has used up its descriptors (see \
            ulimit -n), its mappings or its memory
            """,
            underlying: error
        )
    }

    /// Calls a closure with the elements, which must not be used after it has returned.
    public func withUnsafeBufferPointer<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(memory?.mapping) {} }
        return try body(elements)
    }

    /// Calls a closure with the elements as a span.
    public func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { elements throws(Failure) in try body(elements.span) }
    }

    /// Valid as long as the mapping is.
    private var elements: UnsafeBufferPointer<Element> {
        guard let memory else { return UnsafeBufferPointer(start: nil, count: 0) }
        // The mapping has as many bytes, it begins at a page, and all that is in it is constant and a value of the type.
        return UnsafeBufferPointer(start: memory.mapping.base.assumingMemoryBound(to: Element.self), count: count)
    }
}

extension SharedArray: RandomAccessCollection {
    /// The position of the first element: zero.
    public var startIndex: Int { 0 }
    /// The position behind the last element.
    public var endIndex: Int { count }

    /// The element at a position, which must be one of the array's.
    public subscript(position: Int) -> Element {
        precondition(position >= 0 && position < count, "index \(position) in an array of \(count) elements")
        return withUnsafeBufferPointer { $0[position] }
    }

    /// Calls a closure with the elements; there always is such a place.
    public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<Element>) throws -> Result
    ) rethrows -> Result? {
        try withUnsafeBufferPointer(body)
    }
}

extension SharedArray: CustomStringConvertible {
    /// What it is and how many elements it has, but not which.
    public var description: String { "SharedArray<\(Element.self)> of \(count) elements" }
}

extension SharedArray: Codable {
    /// Hands the array over to a task, or to whoever awaits its result.
    ///
    /// - Throws: `EncodingError` if it is encoded elsewhere than in the arguments or the result of a pool's task, or with too many others.
    public func encode(to encoder: any Encoder) throws {
        var place: Int?
        if let memory {
            do throws(AttachmentFailure) {
                place = try (encoder as? ValueEncoder)?.session.attach(memory.file)
            } catch {
                throw Self.refusal(self, error, encoder)
            }
        }
        guard place != nil || (memory == nil && encoder is ValueEncoder) else { throw Self.refusal(self, nil, encoder) }
        var container = encoder.unkeyedContainer()
        try container.encode(count)
        if let place { try container.encode(place) }
    }

    private static func refusal(_ array: Self, _ failure: AttachmentFailure?, _ encoder: any Encoder) -> EncodingError {
        let reason =
            switch failure {
            case nil: "A SharedArray can be encoded in the arguments and the result of a pool's task, and nowhere else."
            case .tooMany: "More than \(Attachments.limit) SharedArrays cannot travel with one call or one result."
            case .closed:
                "The descriptor of a SharedArray was closed, as those are that a worker inherits from a preload: it can be read here, and not sent."
            }
        return .invalidValue(array, EncodingError.Context(codingPath: encoder.codingPath, debugDescription: reason))
    }

    /// Takes an array that was handed over.
    ///
    /// - Throws: `DecodingError` if that is not what is there, and ``PoolError`` with the code ``PoolError/Code/resourcesExhausted`` if it finds
    ///   no room in this process.
    public init(from decoder: any Decoder) throws {
        func corrupted(_ reason: String, _ error: (any Error)? = nil) -> DecodingError {
            .dataCorrupted(
                DecodingError.Context(codingPath: decoder.codingPath, debugDescription: reason, underlyingError: error)
            )
        }
        guard let attachments = (decoder as? ValueDecoder)?.session.attachments else {
            throw corrupted("A SharedArray can be decoded from the arguments and the result of a pool's task only.")
        }
        try Self.checkElements()
        var container = try decoder.unkeyedContainer()
        count = try container.decode(Int.self)
        guard count >= 0, let size = Self.size(of: count) else { throw corrupted("An array of \(count) elements.") }
        guard size > 0 else {
            memory = nil
            return
        }
        if let shortage = attachments.shortage { throw Self.exhausted(count, shortage) }
        let place = try container.decode(Int.self)
        guard attachments.files.indices.contains(place) else { throw corrupted("The memory of an array did not come.") }
        let file = attachments.files[place]
        do throws(SystemError) {
            memory = Memory(file: file, mapping: try file.mapped(count: size))
        } catch {
            if error.isShortage { throw Self.exhausted(count, error) }
            throw corrupted("The memory of an array cannot be used: \(error)", error)
        }
    }
}
