/// A function that captures nothing, as bytes: it means the same in every process of one binary.
struct FunctionReference: Codable, Hashable, Sendable {
    private struct Link: Codable, Hashable {
        let box: ImageAddress
        let code: ImageAddress
        let isAsync: Bool
    }

    private let code: ImageAddress
    private let isAsync: Bool
    private let links: [Link]

    /// Names the chain's addresses by image and offset.
    ///
    /// - Throws: if one of them lies outside of the images' code.
    init(_ chain: ClosureChain) throws(FunctionReferenceError) {
        let images = LoadedImages.current
        code = try Self.codeAddress(chain.code, isAsync: chain.isAsync, images: images)
        isAsync = chain.isAsync
        var links: [Link] = []
        for link in chain.links {
            guard let box = ImageAddress(link.box, in: images) else { throw FunctionReferenceError(.notCode) }
            let code = try Self.codeAddress(link.code, isAsync: link.isAsync, images: images)
            links.append(Link(box: box, code: code, isAsync: link.isAsync))
        }
        self.links = links
    }

    /// The closure's words in this process, for ``ClosureWords/holder(as:)``.
    ///
    /// The boxes of a chain are allocated here and never freed: do this once for each function and keep the words.
    ///
    /// - Throws: if an image is missing, or the reference does not name a function in it.
    func closureWords() throws(FunctionReferenceError) -> ClosureWords {
        let images = LoadedImages.current
        var boxes: [(box: FunctionBox, code: UInt)] = []
        for link in links {
            let box = try FunctionBox(metadata: link.box.resolve(in: images), images: images)
            guard box.holdsAsyncFunction == link.isAsync else { throw FunctionReferenceError(.notCode) }
            let code = try Self.resolveCode(link.code, isAsync: link.isAsync, images: images)
            boxes.append((box, code))
        }
        let code = try Self.resolveCode(self.code, isAsync: isAsync, images: images)
        // Nothing throws from here on, so that no box is lost halfway.
        var context: UInt = 0
        for (box, code) in boxes.reversed() {
            context = box.allocate(holding: ClosureWords(code: code, context: context))
        }
        return ClosureWords(code: code, context: context)
    }

    /// The function's name for an error message, or nil if the image has no symbols or is not here. Reads a file: slow.
    func symbolName() -> String? {
        let images = LoadedImages.current
        let (code, isAsync) = links.last.map { ($0.code, $0.isAsync) } ?? (code, isAsync)
        guard let word = try? code.resolve(in: images),
            let entry = Self.entryPoint(word, isAsync: isAsync, images: images),
            let image = images.image(containing: entry)
        else { return nil }
        return SymbolTable.functionName(at: entry, in: image).map { Self.withoutDiscriminators(Self.withoutThunk($0)) }
    }

    /// A private name is told from its namesakes in other files by a long number, which helps no reader.
    private static func withoutDiscriminators(_ name: String) -> String {
        name.replacing(/\((\w+) in _[0-9A-F]+\)/) { String($0.output.1) }
    }

    /// In optimized code a function that is only passed on is merged into the thunk around it, whose name holds its name.
    private static func withoutThunk(_ name: String) -> String {
        let parts = name.split(separator: "[Constant Propagated Function : ", maxSplits: 1)
        guard parts.count == 2, let function = parts[1].split(separator: "]> of ", maxSplits: 1).first else {
            return name
        }
        return String(function)
    }

    /// The first instruction of the function with this code word, or nil if there is none.
    private static func entryPoint(_ word: UInt, isAsync: Bool, images: LoadedImages) -> UInt? {
        // An async function pointer record begins with the relative address of the code.
        guard let entry = isAsync ? images.relativePointer(at: word) : word, images.isExecutable(entry) else {
            return nil
        }
        return entry
    }

    private static func codeAddress(
        _ word: UInt,
        isAsync: Bool,
        images: LoadedImages
    ) throws(FunctionReferenceError) -> ImageAddress {
        guard entryPoint(word, isAsync: isAsync, images: images) != nil, let address = ImageAddress(word, in: images)
        else {
            throw FunctionReferenceError(.notCode)
        }
        return address
    }

    private static func resolveCode(
        _ address: ImageAddress,
        isAsync: Bool,
        images: LoadedImages
    ) throws(FunctionReferenceError) -> UInt {
        let word = try address.resolve(in: images)
        guard entryPoint(word, isAsync: isAsync, images: images) != nil else { throw FunctionReferenceError(.notCode) }
        return word
    }
}
