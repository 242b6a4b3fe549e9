import Synchronization

/// Encoders that were used before, with their memory: making one costs several allocations, which would be most of what a small task costs.
enum EncoderCache {
    /// An encoder that can be kept in a list.
    private final class Box: @unchecked Sendable {
        // Only whoever has taken the box out of the list uses it.
        var encoder = BinaryEncoder()
    }

    /// As many threads as commonly encode at once; beyond, encoders are made anew.
    private static let capacity = 16
    private static let free = Mutex<[Box]>([])

    /// Lends an empty encoder. The body may run user code, and so may come here again.
    static func withEncoder<Result>(_ body: (inout BinaryEncoder) throws -> Result) rethrows -> Result {
        let box = free.withLock { $0.popLast() } ?? Box()
        defer {
            // What it has grown to for one big value is given back.
            box.encoder.removeAll(keepingCapacity: false)
            free.withLock { if $0.count < capacity { $0.append(box) } }
        }
        return try body(&box.encoder)
    }
}
