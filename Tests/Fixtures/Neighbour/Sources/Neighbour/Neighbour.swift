/// A type that its own package alone may look into.
public struct Parcel: Codable, Sendable {
    private struct Content: Codable, Sendable {
        var weights: [Int]
    }

    private var content: Content

    /// A parcel with things of these weights.
    public init(_ weights: [Int]) {
        content = Content(weights: weights)
    }

    /// What all of it weighs.
    public var weight: Int { content.weights.reduce(0, +) }
}

/// A global function.
public func weigh(_ parcel: Parcel) -> Int { parcel.weight }

/// A generic function.
public func pair<Value: Codable & Sendable>(_ value: Value) -> [Value] { [value, value] }

/// A type with a function.
public enum Scales {
    /// A static function that is `async`.
    public static func weighTwice(_ parcel: Parcel) async throws -> Int { 2 * parcel.weight }
}
