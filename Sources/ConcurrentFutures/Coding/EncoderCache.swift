import Synchronization

/// Encoders that were used before, with their memory: making one costs several allocations, which would be most of what a small task costs.
enum EncoderCache {
    /// An encoder that can be kept.
    private final class Box: @unchecked Sendable {
        // Only whoever has taken the box uses it, and lends it to one body, so that no two accesses overlap.
        @exclusivity(unchecked) var encoder = BinaryEncoder()
    }

    /// As many threads as commonly encode at once; beyond, encoders are made anew.
    private static let capacity = 16
    private static let free = Mutex<[Box]>([])
    /// The address of one more, or 0: most programs encode on one thread at a time, which has neither lock nor list to pass.
    private static let first = Atomic<UInt>(0)

    /// Lends an empty encoder. The body may run user code, and so may come here again.
    static func withEncoder<Result>(_ body: (inout BinaryEncoder) throws -> Result) rethrows -> Result {
        let box = take()
        defer {
            // What it has grown to for one big value is given back.
            box.encoder.removeAll(keepingCapacity: false)
            put(box)
        }
        return try body(&box.encoder)
    }

    private static func take() -> Box {
        if let kept = UnsafeRawPointer(bitPattern: first.exchange(0, ordering: .acquiring)) {
            return Unmanaged<Box>.fromOpaque(kept).takeRetainedValue()
        }
        return free.withLock { $0.popLast() } ?? Box()
    }

    private static func put(_ box: Box) {
        let kept = Unmanaged.passRetained(box)
        let address = UInt(bitPattern: kept.toOpaque())
        if first.compareExchange(expected: 0, desired: address, ordering: .releasing).exchanged { return }
        kept.release()
        free.withLock { if $0.count < capacity { $0.append(box) } }
    }
}
