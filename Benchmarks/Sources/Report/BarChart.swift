/// One metric, with a bar for each subject.
package struct BarChart: Sendable {
    package enum Kind: Sendable {
        case ours, peer, floor

        fileprivate var style: SVG.Style {
            switch self {
            case .ours: .ours
            case .peer: .peer
            case .floor: .floor
            }
        }
    }

    package struct Bar: Sendable {
        var name: String
        var value: Double
        var kind: Kind

        package init(_ name: String, _ value: Double, _ kind: Kind) {
            self.name = name
            self.value = value
            self.kind = kind
        }
    }

    private var title: String
    private let unit: String
    private let better: Metric.Direction
    private let bars: [Bar]
    private let scale: Scale

    package init(title: String, unit: String, better: Metric.Direction, bars: [Bar]) {
        self.title = title
        self.unit = unit
        self.better = better
        self.bars = bars
        scale = Scale(forBars: bars.map(\.value))
    }

    /// The same under another heading.
    package func titled(_ title: String) -> BarChart {
        var copy = self
        copy.title = title
        return copy
    }

    private static let heading = 46.0
    private static let barHeight = 18.0
    private static let pitch = 26.0
    private static let axis = 24.0
    private static let labelWidth = 150.0
    private static let valueWidth = 74.0

    var height: Double { Self.heading + Self.pitch * Double(bars.count) + Self.axis }

    /// Draws it into a part of a picture.
    func draw(into picture: inout SVG, x: Double, y: Double, width: Double) {
        picture.text(title, x: x, y: y + 14, .title)
        let notes = [unit, better == .higher ? "more is better" : "less is better"]
        picture.text(
            (notes + (scale.isLogarithmic ? ["logarithmic"] : [])).joined(separator: ", "),
            x: x,
            y: y + 31,
            .note
        )
        let start = x + Self.labelWidth
        let length = width - Self.labelWidth - Self.valueWidth
        let top = y + Self.heading - 4
        let bottom = top + Self.pitch * Double(bars.count)
        for tick in scale.ticks {
            let place = start + length * scale.position(of: tick)
            picture.line(from: (place, top), to: (place, bottom), .grid)
            picture.text(tick.short, x: place, y: bottom + 14, .note, anchor: .middle)
        }
        for (index, bar) in bars.enumerated() {
            let barTop = top + Self.pitch * Double(index) + (Self.pitch - Self.barHeight) / 2
            let barLength = max(1, length * scale.position(of: bar.value))
            picture.text(bar.name, x: start - 8, y: barTop + 13.5, .label, anchor: .end)
            picture.bar(x: start, y: barTop, width: barLength, height: Self.barHeight, bar.kind.style)
            picture.text(bar.value.short, x: start + barLength + 6, y: barTop + 13.5, .value)
        }
        picture.line(from: (start, top), to: (start, bottom), .axis)
    }

    private static let margin = 20.0
    private static let gap = 18.0

    /// One under the other.
    package static func stack(_ charts: [BarChart], description: String) -> SVG {
        let height = charts.map(\.height).reduce(0, +) + gap * Double(charts.count - 1) + 2 * margin
        var picture = SVG(width: 760, height: height, description: description)
        var top = margin
        for chart in charts {
            chart.draw(into: &picture, x: margin, y: top, width: 760 - 2 * margin)
            top += chart.height + gap
        }
        return picture
    }

    /// One beside the other.
    package static func row(_ charts: [BarChart], description: String) -> SVG {
        let width = 450.0
        let height = (charts.map(\.height).max() ?? 0) + 2 * margin
        var picture = SVG(
            width: width * Double(charts.count) + margin * Double(charts.count + 1),
            height: height,
            description: description
        )
        for (index, chart) in charts.enumerated() {
            chart.draw(into: &picture, x: margin + (width + margin) * Double(index), y: margin, width: width)
        }
        return picture
    }
}
