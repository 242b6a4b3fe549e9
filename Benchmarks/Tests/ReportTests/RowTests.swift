import Report
import Testing

@Suite struct RowTests {
    private let metric = Metric(
        "run",
        "one call",
        unit: "µs",
        better: .lower,
        goal: .init(10, ratios: ["slow": 30])
    )

    private func row(ours: Double, peer: Figure) -> Row {
        Row(metric, ours: .measured(Sample([ours])), peerName: "slow", peer: peer)
    }

    @Test("a line of JSON has the metric, both figures and how many times better ours is")
    func json() {
        #expect(
            row(ours: 8, peer: .measured(Sample([240]))).json
                == #"{"metric": "run", "unit": "µs", "ours": 8.0, "peer": 240.0, "peerName": "slow", "ratio": 30.0}"#
        )
    }

    @Test("in JSON a peer that has no such thing is null, and one that failed says why")
    func jsonWithoutPeer() {
        #expect(row(ours: 8, peer: .none).json.hasSuffix(#""peer": null, "peerName": "slow", "ratio": null}"#))
        #expect(row(ours: 8, peer: .failed("a \"b\"\\\n\u{1}")).json.hasSuffix(#""failure": "a \"b\"\\\n\u0001"}"#))
    }

    @Test("a table says which goals are reached, and shows a peer that has no such thing or failed")
    func goals() {
        let rows = [
            row(ours: 8, peer: .measured(Sample([200]))), row(ours: 12, peer: .none),
            row(ours: 8, peer: .failed("late")),
        ]
        let lines = Table(rows, isJudged: true).markdown.split(separator: "\n")
        #expect(lines[2] == "| one call, µs | 8 | slow | 200 | 25 × | ≤ 10 µs ✓, ≥ 30 × ✗ |")
        #expect(lines[3] == "| one call, µs | 12 | slow | – | – | ≤ 10 µs ✗, ≥ 30 × |")
        #expect(Table(rows, isJudged: false).markdown.contains("| 25 × | ≤ 10 µs, ≥ 30 × |"))
        #expect(lines[4] == "| one call, µs | 8 | slow | failed: late | – | ≤ 10 µs ✓, ≥ 30 × |")
    }

    @Test("beside a median of several rounds stands between which figures it lies")
    func spread() {
        #expect(Figure.measured(Sample([3, 1, 2])).text == "2 (1 … 3)")
    }

    @Test("the columns of a table as text stand one under the other")
    func text() {
        var table = Table(columns: ["a", "b"])
        table.add(["long", "µ"])
        #expect(table.text == "a     b\n────  ─\nlong  µ")
    }

    @Test("what would end a cell of Markdown does not")
    func escaped() {
        var table = Table(columns: ["a"])
        table.add(["x|y"])
        #expect(table.markdown.hasSuffix(#"| x\|y |"#))
    }
}
