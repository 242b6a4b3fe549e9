import Synchronization
@_spi(Reflection) import Swift

/// Which types an array may have that is shared with other processes.
///
/// A worker that has gone mad may write anything into an array, and there are types of which not every pattern of bits is a value: to read
/// such a `Bool` or enum is undefined behaviour, in the host. So elements are what bits cannot be wrong of.
enum ElementTypes {
    private static let known = Mutex<[ObjectIdentifier: Bool]>([:])

    /// Whether every pattern of bits is a value of a type: a number, a vector of numbers, or a struct or tuple of such.
    static func takeAnyBits<Element: BitwiseCopyable>(_ type: Element.Type) -> Bool {
        let id = ObjectIdentifier(type)
        if let known = known.withLock({ $0[id] }) { return known }
        let answer = takesAnyBits(type)
        known.withLock { $0[id] = answer }
        return answer
    }

    /// Whether it is one of the standard library's vectors of numbers. Its masks hold truth values, and other types can call themselves vectors.
    private static func isOfNumbers<Vector: SIMD>(_ type: Vector.Type) -> Bool {
        let name = String(reflecting: type)
        return name.hasPrefix("Swift.SIMD") && !name.hasPrefix("Swift.SIMDMask")
            && Vector.Scalar.self is any BinaryNumber.Type
    }

    private static func takesAnyBits(_ type: Any.Type) -> Bool {
        if type is any BinaryNumber.Type { return true }
        if let vector = type as? any SIMD.Type { return isOfNumbers(vector) }
        #if arch(arm64)
            if type == Float16.self { return true }
        #endif
        // A struct of one number, and yet not every number is one.
        if type == Unicode.Scalar.self { return false }
        var fieldCount = 0
        var isSound = true
        let isComplete = _forEachField(of: type) { _, _, field, kind in
            fieldCount += 1
            switch kind {
            case .struct, .tuple: isSound = takesAnyBits(field)
            default: isSound = false
            }
            return isSound
        }
        return isComplete && isSound && fieldCount > 0
    }
}
