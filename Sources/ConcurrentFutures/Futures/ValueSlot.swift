/// Room for one value of a type that its owner knows, and that is no part of this type.
///
/// A stored `Value?` has the type of that optional looked up whenever code that was not compiled for `Value` writes or destroys it: three such lookups were
/// 5 % of what a short task costs. This has a fixed layout. What is small lies in it, the rest in a box. Which of both, and whether
/// there is a value, its owner knows, too, so that it takes no place here.
@usableFromInline
struct ValueSlot {
    @usableFromInline var words: (UInt, UInt) = (0, 0)

    /// Where a value is.
    ///
    /// Decided once, by who writes it: what reads it is compiled in another module, which need not know the type as well.
    @usableFromInline
    enum Place: Sendable {
        case slot, box
    }

    private final class Box<Value> {
        let value: Value

        init(_ value: Value) {
            self.value = value
        }
    }

    /// Where a value is to be. What cannot be moved by copying its bits is not in the slot: nothing says that the slot stays in one place while it is used.
    static func place<Value>(for type: Value.Type) -> Place {
        let fits =
            MemoryLayout<Value>.size <= MemoryLayout<(UInt, UInt)>.size
            && MemoryLayout<Value>.alignment <= MemoryLayout<UInt>.alignment
        return fits && _isBitwiseTakable(type) ? .slot : .box
    }

    /// Puts a value into the empty slot, if it has room there (``place(for:)``), or into a box, which takes any.
    mutating func put<Value>(_ value: consuming Value, in place: Place) {
        switch place {
        case .slot: Self.fill(&words, with: value)
        case .box: words.0 = UInt(bitPattern: Unmanaged.passRetained(Box(value)).toOpaque())
        }
    }

    /// The same where it is best.
    ///
    /// - Returns: where that is.
    mutating func put<Value>(_ value: consuming Value) -> Place {
        let place = Self.place(for: Value.self)
        put(value, in: place)
        return place
    }

    private static func fill<Value>(_ place: UnsafeMutableRawPointer, with value: consuming Value) {
        assert(Self.place(for: Value.self) == .slot, "a value was put into a slot in which it has no room")
        place.initializeMemory(as: Value.self, to: value)
    }

    /// A copy of the value that was put in; only if there is one, of its type, and from where it is. Whoever owns the slot must be kept alive for as long as this takes.
    @inlinable
    func value<Value>(as type: Value.Type, in place: Place) -> Value {
        switch place {
        case .slot: withUnsafeBytes(of: words) { $0.load(as: type) }
        case .box: boxedValue(as: type)
        }
    }

    @usableFromInline
    func boxedValue<Value>(as type: Value.Type) -> Value {
        box(of: type)._withUnsafeGuaranteedRef { $0.value }
    }

    private func box<Value>(of type: Value.Type) -> Unmanaged<Box<Value>> {
        Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: words.0)!)
    }

    /// Destroys the value that was put in.
    mutating func empty<Value>(of type: Value.Type, in place: Place) {
        switch place {
        case .slot:
            withUnsafeMutableBytes(of: &words) { words in
                _ = words.baseAddress!.bindMemory(to: type, capacity: 1).deinitialize(count: 1)
            }
        case .box: box(of: type).release()
        }
    }
}
