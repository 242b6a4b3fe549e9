/// A picture, as it is written down.
///
/// It brings its own ground, so that it can be read whatever the page around it looks like, and follows the reader's choice of light or dark.
package struct SVG: Sendable {
    /// How something looks; the colours are the style sheet's.
    enum Style: String {
        case title, label, value, note, grid, axis, ours, peer, floor, line, dot
    }

    enum Anchor: String {
        case start, middle, end
    }

    private let width: Double
    private let height: Double
    private let description: String
    private var elements: [String] = []

    /// - Parameter description: for those who cannot see it.
    init(width: Double, height: Double, description: String) {
        self.width = width
        self.height = height
        self.description = description
    }

    mutating func text(_ text: String, x: Double, y: Double, _ style: Style, anchor: Anchor = .start) {
        elements.append(
            #"<text x="\#(x.coordinate)" y="\#(y.coordinate)" class="\#(style)" text-anchor="\#(anchor)">"#
                + "\(Self.escaped(text))</text>"
        )
    }

    mutating func bar(x: Double, y: Double, width: Double, height: Double, _ style: Style) {
        elements.append(
            #"<rect x="\#(x.coordinate)" y="\#(y.coordinate)" width="\#(width.coordinate)" "#
                + #"height="\#(height.coordinate)" rx="3" class="\#(style)"/>"#
        )
    }

    mutating func line(from start: (x: Double, y: Double), to end: (x: Double, y: Double), _ style: Style) {
        elements.append(
            #"<line x1="\#(start.x.coordinate)" y1="\#(start.y.coordinate)" x2="\#(end.x.coordinate)" "#
                + #"y2="\#(end.y.coordinate)" class="\#(style)"/>"#
        )
    }

    mutating func path(_ points: [(x: Double, y: Double)], _ style: Style) {
        let places = points.map { "\($0.x.coordinate),\($0.y.coordinate)" }.joined(separator: " ")
        elements.append(#"<polyline points="\#(places)" class="\#(style)"/>"#)
    }

    mutating func dot(x: Double, y: Double) {
        elements.append(#"<circle cx="\#(x.coordinate)" cy="\#(y.coordinate)" r="3.5" class="\#(Style.dot)"/>"#)
    }

    package var document: String {
        let size = #"width="\#(width.coordinate)" height="\#(height.coordinate)""#
        return """
            <svg xmlns="http://www.w3.org/2000/svg" \(size) viewBox="0 0 \(width.coordinate) \(height.coordinate)" role="img">
            <title>\(Self.escaped(description))</title>
            <style>
            \(Self.styleSheet)
            </style>
            <rect x="0.5" y="0.5" width="\((width - 1).coordinate)" height="\((height - 1).coordinate)" rx="8" class="card"/>
            \(elements.joined(separator: "\n"))
            </svg>

            """
    }

    private static let styleSheet = """
        text { font-family: -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
        .card { fill: #ffffff; stroke: #d1d9e0; }
        .title { font-size: 15px; font-weight: 600; fill: #1f2328; }
        .label { font-size: 13px; fill: #1f2328; }
        .value { font-size: 12px; font-weight: 600; fill: #1f2328; }
        .note { font-size: 11px; fill: #59636e; }
        .grid { stroke: #d1d9e0; stroke-width: 1; }
        .axis { stroke: #818b98; stroke-width: 1; }
        .ours { fill: #f05138; }
        .peer { fill: #8fa3bf; }
        .floor { fill: #4d9375; }
        .line { fill: none; stroke: #f05138; stroke-width: 2.5; stroke-linejoin: round; }
        .dot { fill: #f05138; }
        @media (prefers-color-scheme: dark) {
        .card { fill: #0d1117; stroke: #3d444d; }
        .title, .label, .value { fill: #f0f6fc; }
        .note { fill: #9198a1; }
        .grid { stroke: #2a313c; }
        .axis { stroke: #656c76; }
        .ours, .dot { fill: #ff6a4d; }
        .peer { fill: #5b7090; }
        .floor { fill: #3f8f6d; }
        .line { stroke: #ff6a4d; }
        }
        """

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
        return result
    }
}

extension Double {
    /// To a tenth of a point.
    fileprivate var coordinate: String {
        let tenths = Int((self * 10).rounded())
        return tenths.isMultiple(of: 10) ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
    }
}
