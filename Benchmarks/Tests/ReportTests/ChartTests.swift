import Report
import Testing

@Suite struct ChartTests {
    @Test("bars up to twenty times as long as others begin at zero")
    func linear() {
        let scale = Scale(forBars: [1, 20])
        #expect(!scale.isLogarithmic)
        #expect(scale.position(of: 20) == 1)
        #expect(scale.position(of: 10) == 0.5)
        #expect(scale.position(of: 0) == 0)
        #expect(scale.ticks == [0, 5, 10, 15, 20])
    }

    @Test("beyond, the scale is logarithmic, and the least bar has a length still")
    func logarithmic() {
        let scale = Scale(forBars: [10, 1_000])
        #expect(scale.isLogarithmic)
        #expect(scale.position(of: 1_000) == 1)
        #expect(scale.position(of: 10) > 0.1)
        #expect(abs(scale.position(of: 100) - (scale.position(of: 10) + 1) / 2) < 1e-9)
        #expect(scale.ticks == [1, 10, 100, 1_000])
    }

    @Test("a bar of zero has no length, on either scale")
    func zero() {
        #expect(Scale(forBars: [0, 41]).position(of: 0) == 0)
        #expect(Scale(forBars: [0, 1, 1_000]).position(of: 0) == 0)
        #expect(Scale(forBars: [0, 0]).position(of: 0) == 0)
    }

    @Test("a picture is well formed whatever its names hold")
    func escaped() {
        let chart = BarChart(title: "a < b & c", unit: "µs", better: .lower, bars: [.init("<peer>", 1, .peer)])
        let document = BarChart.stack([chart], description: "R&D").document
        #expect(document.contains("a &lt; b &amp; c"))
        #expect(document.contains("&lt;peer&gt;"))
        #expect(document.contains("<title>R&amp;D</title>"))
    }

    @Test("a longer bar stands for a greater figure")
    func lengths() throws {
        let bars = [BarChart.Bar("one", 10, .ours), .init("two", 20, .peer)]
        let chart = BarChart(title: "t", unit: "µs", better: .lower, bars: bars)
        let document = BarChart.stack([chart], description: "").document
        let widths = document.split(separator: "\n").filter {
            $0.contains("class=\"ours\"") || $0.contains("class=\"peer\"")
        }
        .compactMap { $0.firstMatch(of: /width="([0-9.]+)"/).flatMap { Double($0.1) } }
        try #require(widths.count == 2)
        #expect(abs(widths[1] - 2 * widths[0]) < 0.2)
    }

    @Test("a line goes up where figures grow, and its first and last points are at the ends of the axis")
    func line() throws {
        let points = [10.0, 100, 1_000].map { LineChart.Point(x: $0, label: $0.short, y: $0) }
        let document = LineChart(title: "t", subtitle: "s", points: points).picture.document
        let line = try #require(document.firstMatch(of: /polyline points="([^"]+)"/))
        let places = line.1.split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } }
        try #require(places.count == 3)
        #expect(places[0][0] < places[1][0] && places[1][0] < places[2][0])
        #expect(places[0][1] > places[1][1] && places[1][1] > places[2][1])
        #expect(abs(places[1][0] - (places[0][0] + places[2][0]) / 2) < 0.2)
    }
}
