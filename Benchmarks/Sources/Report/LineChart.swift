/// How a figure changes with a size, both on logarithmic axes.
package struct LineChart: Sendable {
    package struct Point: Sendable {
        var x: Double
        /// What stands under it.
        var label: String
        var y: Double

        package init(x: Double, label: String, y: Double) {
            self.x = x
            self.label = label
            self.y = y
        }
    }

    private let title: String
    private let subtitle: String
    private let points: [Point]

    /// - Parameter points: in the order of their sizes.
    package init(title: String, subtitle: String, points: [Point]) {
        self.title = title
        self.subtitle = subtitle
        self.points = points
    }

    private static let width = 760.0
    private static let height = 320.0

    package var picture: SVG {
        var picture = SVG(width: Self.width, height: Self.height, description: title)
        let left = 90.0
        let right = Self.width - 40
        let top = 70.0
        let bottom = Self.height - 40
        picture.text(title, x: 20, y: 34, .title)
        picture.text(subtitle, x: 20, y: 51, .note)
        let across = Scale(forPoints: points.map(\.x))
        let up = Scale(forPoints: points.map(\.y))
        // The sizes themselves are the ends of the axis, not powers of ten around them.
        let first = across.position(of: points.first?.x ?? 1)
        let last = across.position(of: points.last?.x ?? 1)
        func x(_ value: Double) -> Double {
            guard last > first else { return left }
            return left + (right - left) * (across.position(of: value) - first) / (last - first)
        }
        func y(_ value: Double) -> Double { bottom - (bottom - top) * up.position(of: value) }
        for tick in up.ticks {
            picture.line(from: (left, y(tick)), to: (right, y(tick)), .grid)
            picture.text(tick.short, x: left - 10, y: y(tick) + 4, .note, anchor: .end)
        }
        for point in points {
            picture.text(point.label, x: x(point.x), y: bottom + 20, .note, anchor: .middle)
        }
        picture.line(from: (left, bottom), to: (right, bottom), .axis)
        picture.path(points.map { (x($0.x), y($0.y)) }, .line)
        for point in points {
            picture.dot(x: x(point.x), y: y(point.y))
            picture.text(point.y.short, x: x(point.x), y: y(point.y) - 9, .value, anchor: .middle)
        }
        return picture
    }
}
