/// Why a function or a type cannot be named in another process.
struct FunctionReferenceError: Error, Hashable, Sendable {
    enum Reason: Hashable, Sendable {
        /// The closure holds values of these types; a type that has no name here is left out.
        case capturesValue(types: [String])
        /// The closure holds the type arguments of a generic function that it was made in.
        case capturesGenericBindings
        /// The closure holds a function that is no Swift closure: a C function pointer, a block, an optional function.
        case capturesForeignFunction
        /// The compiler was told not to describe what closures hold.
        case noReflectionMetadata
        /// The image is not loaded in this process, or another build of it is.
        case imageNotLoaded(name: String)
        /// What should be a function's address lies outside of every image's code.
        case notCode
        /// The type can neither be found by name nor be put together from its descriptors.
        case unsupportedType(String)
    }

    let reason: Reason

    init(_ reason: Reason) {
        self.reason = reason
    }

    /// Whether the closure is refused for what it holds, rather than because it cannot be named.
    var isCapture: Bool {
        switch reason {
        case .capturesValue, .capturesGenericBindings, .capturesForeignFunction: true
        case .noReflectionMetadata, .imageNotLoaded, .notCode, .unsupportedType: false
        }
    }
}

extension FunctionReferenceError: CustomStringConvertible {
    /// What is wrong and what to do about it, as a sentence that a caller completes with the place of the call.
    var message: String {
        switch reason {
        case .capturesValue(let types):
            let values = types.isEmpty ? "a value" : "a value of type " + types.joined(separator: ", ")
            return "the function captures \(values), which does not exist in another process; "
                + "pass what it needs as an argument"
        case .capturesGenericBindings:
            return "the function is passed on by a generic function, whose type parameters it captures; "
                + "give that function a parameter pack, f<each A, R>(_ g: @escaping @Sendable (repeat each A) throws -> R), "
                + "or pass the function to the executor directly"
        case .capturesForeignFunction:
            return "the function captures a C function pointer, a block or an optional function, "
                + "which cannot be named in another process; call it from a closure that captures nothing"
        case .noReflectionMetadata:
            return "the function was compiled with -disable-reflection-metadata and without optimization, "
                + "so that what it captures cannot be known; remove the flag, or pass a closure literal"
        case .imageNotLoaded(let name):
            return "\(name) is not loaded in this process, or another build of it is; "
                + "load it in the workers, and start them anew after it was replaced"
        case .notCode:
            return "the function does not lie in the code of the program or of one of its libraries; "
                + "functions made at run time cannot be named in another process"
        case .unsupportedType(let type):
            return "the type \(type) cannot be named in another process; use a struct, an enum or a class"
        }
    }

    var description: String { message }
}
