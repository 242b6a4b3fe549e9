/// Bounds the recursion of coding by the stack that it really takes, so that too deep a value is an error and not a crash.
///
/// How much a level takes is up to the user's types, so that no number of levels would be both safe and generous. The first
/// levels are free: the address sanitizer may keep local variables elsewhere, where addresses say nothing of the stack, and
/// then there are no others.
struct StackBudget {
    private static let freeLevels = 32
    /// Less than the half dozen calls of a level can possibly take, and more than the sanitizer's 64.
    private static let leastBytesPerLevel = 128
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
        let used = max(here, base) - min(here, base)
        return used >= level * Self.leastBytesPerLevel && used <= Self.bytes
    }

    @inline(never)
    private static func here() -> UInt {
        var local: UInt8 = 0
        return withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
    }
}
