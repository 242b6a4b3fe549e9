/// The functions that a worker has been told of, by their numbers.
///
/// A fork server has one, too: to look a function's types up among all of the program's takes longer than a fork, and workers inherit what is found.
struct FunctionTable {
    private var functions: [Result<BoundFunction, any Error>?] = []

    /// Looks the function up that an encoded ``FunctionDefinition`` names, unless it is known. No code of the program runs for that.
    mutating func define(_ number: UInt32, _ definition: UnsafeRawBufferPointer) {
        let index = Int(number)
        while functions.count <= index { functions.append(nil) }
        // What was not found before may have been loaded since.
        if case .success? = functions[index] { return }
        functions[index] = Result { try BoundFunction.find(definition: definition) }
    }

    /// The function of that number; `nil` if it was never told.
    ///
    /// - Throws: why this process does not have it.
    func function(_ number: UInt32) throws -> BoundFunction? {
        let index = Int(number)
        return index < functions.count ? try functions[index]?.get() : nil
    }
}
