/// A closure that captures nothing, as the absolute addresses it consists of in this process.
///
/// In unoptimized code the compiler wraps a reference to a function in a thunk, whose context is a box that holds the
/// function, which may be a thunk again. The chain of these boxes was walked and each of them validated; at its end is a
/// function without a context. Two closures with equal chains do the same, so that the chain can be a cache's key.
///
/// Making a chain costs next to nothing for a function without context, and some lookups a link otherwise.
struct ClosureChain: Hashable, Sendable {
    /// A box, and the function in it.
    struct Link: Hashable, Sendable {
        let box: UInt
        let code: UInt
        let isAsync: Bool
    }

    /// Chains of five were seen. The bound ends the walk through a function variable that captures itself.
    private static let maximumLength = 64

    let code: UInt
    let isAsync: Bool
    /// From the outermost to the innermost.
    let links: [Link]

    /// Walks down the function that is the only stored property of `holder`, as ``ClosureWords/init(heldBy:)`` reads it.
    ///
    /// - Parameter isAsync: whether the function's type is async: its code word means something else then.
    /// - Throws: if the function captures anything but functions that capture nothing.
    init<Holder>(heldBy holder: Holder, isAsync: Bool) throws(FunctionReferenceError) {
        // The words alone would not keep the context alive during the walk.
        self = try withExtendedLifetime(holder) { () throws(FunctionReferenceError) in
            try ClosureChain(ClosureWords(heldBy: holder), isAsync: isAsync)
        }
    }

    /// Walks down a closure that the caller keeps alive meanwhile.
    ///
    /// - Parameter isAsync: whether the closure's type is async: its code word means something else then.
    /// - Throws: if the closure captures anything but functions that capture nothing.
    init(_ words: ClosureWords, isAsync: Bool) throws(FunctionReferenceError) {
        code = words.code
        self.isAsync = isAsync
        guard words.context != 0 else {
            links = []
            return
        }
        let images = LoadedImages.current
        var links: [Link] = []
        var context = words.context
        while context != 0 {
            guard links.count < Self.maximumLength, context % UInt(MemoryLayout<UInt>.alignment) == 0,
                let object = UnsafeRawPointer(bitPattern: context)
            else { throw FunctionReferenceError(.capturesValue(types: [])) }
            // A live escaping closure's context, if there is one, is a native heap object: its first word is its metadata.
            let box = try FunctionBox.cached(metadata: object.load(as: UInt.self), images: images)
            // This box was seen to hold exactly one function, so that the two words behind its header can be read.
            let held = object.load(fromByteOffset: FunctionBox.headerSize, as: ClosureWords.self)
            links.append(Link(box: box.metadata, code: held.code, isAsync: box.holdsAsyncFunction))
            context = held.context
        }
        self.links = links
    }
}
