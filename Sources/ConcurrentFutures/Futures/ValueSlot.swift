/// Room for one value of a type that its owner knows, and that is no part of this type.
///
/// A stored `Value?` has the type of that optional looked up whenever code that was not compiled for `Value` writes or destroys it: three such lookups were
/// 5 % of what a short task costs. This has a fixed layout. What is small lies in it, the rest in a box. Whether there is a value its owner knows, too, so
/// that it takes no place here.
@usableFromInline
struct ValueSlot {
    @usableFromInline var words: (UInt, UInt) = (0, 0)

    private final class Box<Value> {
        let value: Value

        init(_ value: Value) {
            self.value = value
        }
    }

    /// Whether a value lies in the slot. What cannot be moved by copying its bits does not: nothing says that the slot stays in one place while it is used.
    @inlinable
    static func holds<Value>(_ type: Value.Type) -> Bool {
        MemoryLayout<Value>.size <= MemoryLayout<(UInt, UInt)>.size
            && MemoryLayout<Value>.alignment <= MemoryLayout<UInt>.alignment && _isBitwiseTakable(type)
    }

    /// Puts a value into the empty slot.
    mutating func put<Value>(_ value: consuming Value) {
        if Self.holds(Value.self) {
            Self.fill(&words, with: value)
        } else {
            words.0 = UInt(bitPattern: Unmanaged.passRetained(Box(value)).toOpaque())
        }
    }

    private static func fill<Value>(_ place: UnsafeMutableRawPointer, with value: consuming Value) {
        place.initializeMemory(as: Value.self, to: value)
    }

    /// The value that was put in; only if there is one, and of its type.
    @inlinable
    func value<Value>(as type: Value.Type) -> Value {
        guard Self.holds(type) else { return boxedValue(as: type) }
        return withUnsafeBytes(of: words) { $0.load(as: type) }
    }

    @usableFromInline
    func boxedValue<Value>(as type: Value.Type) -> Value {
        box(of: type)._withUnsafeGuaranteedRef { $0.value }
    }

    private func box<Value>(of type: Value.Type) -> Unmanaged<Box<Value>> {
        Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: words.0)!)
    }

    /// Destroys the value that was put in.
    mutating func empty<Value>(of type: Value.Type) {
        guard Self.holds(type) else { return box(of: type).release() }
        withUnsafeMutableBytes(of: &words) { place in
            _ = place.baseAddress!.bindMemory(to: type, capacity: 1).deinitialize(count: 1)
        }
    }
}
