/// A type of another module.
public struct Sheet: Codable, Sendable {
    fileprivate var width: Int
    fileprivate var height: Int

    /// A sheet of a size.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

/// A global function.
public func area(_ sheet: Sheet) -> Int { sheet.width * sheet.height }

/// A generic function.
public func largest<Element: Comparable & Codable & Sendable>(_ elements: [Element]) throws -> Element? {
    elements.max()
}
