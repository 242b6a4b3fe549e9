/// An argument and a result whose type lives in a dynamic library.
public struct Letter: Codable, Sendable, Equatable {
    /// What it says.
    public var text: String

    /// A letter that says this.
    public init(_ text: String) {
        self.text = text
    }
}

/// A global function.
public func answer(_ letter: Letter) -> Letter { Letter("re: " + letter.text) }

/// A global function that is `async`.
public func answerLater(_ letter: Letter) async throws -> Letter { answer(letter) }

/// A generic function.
public func enclose<Value: Codable & Sendable>(_ value: Value) -> [Value] { [value] }

/// A closure that was written in the dynamic library.
public let shout: @Sendable (Letter) -> Letter = { Letter($0.text + "!") }
