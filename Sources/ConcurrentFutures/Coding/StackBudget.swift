/// Bounds the recursion of coding by the stack that it really takes, so that too deep a value is an error and not a crash.
///
/// How much a level takes is up to the user's types, so that no number of levels would be both safe and generous.
struct StackBudget {
    /// Half of the smallest stack that threads commonly have.
    private static let bytes = 256 * 1024

    private var base: UInt = 0
    private var level = 0

    /// Starts a message.
    mutating func reset() {
        level = 0
        base = Self.address(byteCount: 1)
    }

    /// Goes one level down, or says that there is no stack for it.
    @inline(__always)
    mutating func enter() -> Bool {
        guard hasRoom else { return false }
        level += 1
        return true
    }

    /// Whether there is stack for one level more.
    @inline(__always)
    var hasRoom: Bool {
        let here = Self.address(byteCount: level & 1 + 1)
        return max(here, base) - min(here, base) <= Self.bytes
    }

    @inline(__always)
    mutating func leave() { level -= 1 }

    /// Where the stack ends now.
    ///
    /// Of a size that the compiler does not know: the address sanitizer moves all other local variables to the heap, where
    /// their addresses say nothing.
    @inline(never)
    private static func address(byteCount: Int) -> UInt {
        withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 1) { UInt(bitPattern: $0.baseAddress) }
    }
}
