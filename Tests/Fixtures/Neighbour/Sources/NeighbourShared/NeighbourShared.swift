/// An argument and a result whose type lives in a dynamic library.
public struct Letter: Codable, Sendable, Equatable {
    public var text: String

    public init(_ text: String) {
        self.text = text
    }
}

public func answer(_ letter: Letter) -> Letter { Letter("re: " + letter.text) }

public func answerLater(_ letter: Letter) async throws -> Letter { answer(letter) }

public func enclose<Value: Codable & Sendable>(_ value: Value) -> [Value] { [value] }

/// A closure that was written in the dynamic library.
public let shout: @Sendable (Letter) -> Letter = { Letter($0.text + "!") }
