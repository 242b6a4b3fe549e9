/// Bounds the recursion of coding by the stack that it really takes, so that too deep a value is an error and not a crash.
///
/// How much a level takes is up to the user's types, so that no number of levels would be both safe and generous. The first
/// levels are free: under a sanitizer that moves local variables to the heap, addresses say nothing.
struct StackBudget {
    private static let freeLevels = 64
    private static let maximumLevels = 10_000
    /// Half of the smallest stack that threads commonly have.
    private static let bytes = 256 * 1024

    private var base: UInt = 0
    private var level = 0

    /// Starts a message.
    mutating func reset() {
        base = Self.here()
        level = 0
    }

    /// Goes one level down, or says that there is no stack for it.
    @inline(__always)
    mutating func enter() -> Bool {
        level += 1
        if level <= Self.freeLevels || fits() { return true }
        level -= 1
        return false
    }

    @inline(__always)
    mutating func leave() { level -= 1 }

    private func fits() -> Bool {
        let here = Self.here()
        return level <= Self.maximumLevels && max(here, base) - min(here, base) <= Self.bytes
    }

    @inline(never)
    private static func here() -> UInt {
        var local: UInt8 = 0
        return withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
    }
}
