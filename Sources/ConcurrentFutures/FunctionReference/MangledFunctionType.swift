/// What the mangled name of a captured value's type says of it.
///
/// Captured functions stand there in their lowered form: the types, then `I`, letters for the conventions, and `_`.
enum MangledFunctionType: Equatable {
    /// An escaping Swift function in two words, code and context.
    case swift(isAsync: Bool)
    /// A function of another size or form: a C function pointer, a block, a thin or a differentiable function, or an optional
    /// function of any kind.
    case foreign
    /// Something else, which includes functions with an isolation of their own (`@isolated(any)`).
    case noFunction

    init(mangledName name: UnsafeRawBufferPointer) {
        if let letters = MangledName.lastOperators(of: name) {
            self = letters.indices.lazy.compactMap { Self(lowered: letters[$0...]) }.first ?? .noFunction
        } else if name.count > 2, name.suffix(2).elementsEqual("Sg".utf8) {
            let wrapped = Self(mangledName: UnsafeRawBufferPointer(rebasing: name.dropLast(2)))
            self = wrapped == .noFunction ? .noFunction : .foreign
        } else {
            self = .noFunction
        }
    }

    /// Nil if `letters` are not in full those of a function type's operator.
    ///
    /// The order of the letters is that of the compiler's `demangleImplFunctionType`.
    private init?(lowered letters: ArraySlice<UInt8>) {
        var rest = letters
        func isNext(_ letters: String) -> Bool { rest.first.map { letters.utf8.contains($0) } ?? false }
        func skip(_ letters: String) -> Bool {
            guard isNext(letters) else { return false }
            rest.removeFirst()
            return true
        }
        guard skip("I") else { return nil }
        _ = skip("s")  // substituted pattern
        _ = skip("I")  // substitutions of the use
        _ = skip("P")  // pseudogeneric
        let escapes = skip("e")
        let isDifferentiable = skip("dfrl")
        let isThin = isNext("t")
        guard skip("ygxt") else { return nil }
        let hasRepresentation = skip("zBCMOKW")
        let isCoroutine = skip("IG")
        _ = skip("h")  // Sendable
        let isAsync = skip("H")
        while skip("abcdefghijklmnopqrstuvwxyzTILY") {}  // parameters, results, errors
        guard rest.count == 1, isNext("_") else { return nil }
        let isPlain = escapes && !(isDifferentiable || isThin || hasRepresentation || isCoroutine)
        self = isPlain ? .swift(isAsync: isAsync) : .foreign
    }
}
