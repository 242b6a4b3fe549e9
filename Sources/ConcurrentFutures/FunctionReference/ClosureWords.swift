/// The two words of a Swift closure value.
///
/// They own nothing: whoever holds the words keeps the closure, or the rebuilt context, alive.
struct ClosureWords: Hashable, Sendable {
    /// The address of the function's code or, for an async function, of its async function pointer record.
    var code: UInt
    /// The address of the heap object with the captures, or 0.
    var context: UInt

    init(code: UInt, context: UInt) {
        self.code = code
        self.context = context
    }

    /// Reads the words of the function that is the only stored property of `holder`.
    ///
    /// A function has to come in a struct that names its type: passed as an unconstrained generic argument itself, it
    /// would be wrapped in a thunk on the way.
    init<Holder>(heldBy holder: Holder) {
        precondition(
            MemoryLayout<Holder>.size == MemoryLayout<ClosureWords>.size,
            "\(Holder.self) holds more than a function"
        )
        self = withUnsafeBytes(of: holder) { $0.load(as: ClosureWords.self) }
    }

    /// The struct whose only stored property is the function with these words, as ``init(heldBy:)`` read it.
    ///
    /// The words must be those of a live closure, or rebuilt by ``FunctionReference/closureWords()``, and `Holder` a struct
    /// of the same function type. The struct has a reference of its own to the context.
    func holder<Holder>(as _: Holder.Type) -> Holder {
        precondition(
            MemoryLayout<Holder>.size == MemoryLayout<ClosureWords>.size,
            "\(Holder.self) holds more than a function"
        )
        return withUnsafeBytes(of: self) { $0.load(as: Holder.self) }
    }
}
