public struct Range2D: Codable, Sendable {
    public var width: Int
    public var height: Int

    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

public func area(_ range: Range2D) -> Int { range.width * range.height }

public func largest<Element: Comparable & Codable & Sendable>(_ elements: [Element]) throws -> Element? {
    elements.max()
}
