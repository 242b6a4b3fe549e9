/// A type that its own package alone may look into.
public struct Parcel: Codable, Sendable {
    private struct Content: Codable, Sendable {
        var weights: [Int]
    }

    private var content: Content

    public init(_ weights: [Int]) {
        content = Content(weights: weights)
    }

    public var weight: Int { content.weights.reduce(0, +) }
}

public func weigh(_ parcel: Parcel) -> Int { parcel.weight }

public func pair<Value: Codable & Sendable>(_ value: Value) -> [Value] { [value, value] }

public struct Scales {
    public static func weighTwice(_ parcel: Parcel) async throws -> Int { 2 * parcel.weight }
}
