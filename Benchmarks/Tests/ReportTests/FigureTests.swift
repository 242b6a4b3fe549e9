import Report
import Testing

@Suite struct FigureTests {
    @Test("the median is the one in the middle, or what lies between the two there")
    func median() {
        #expect(Sample([5]).median == 5)
        #expect(Sample([9, 1, 5]).median == 5)
        #expect(Sample([9, 1, 5, 6]).median == 5.5)
    }

    @Test(
        "a number has three significant digits, and its thousands apart",
        arguments: [
            (0, "0"), (1, "1"), (0.5, "0.5"), (0.0123456, "0.0123"), (9.999, "10"), (12.34, "12.3"), (99.96, "100"),
            (999.6, "1,000"), (1_234, "1,230"), (4_321_987, "4,320,000"), (-2.5, "-2.5"), (.infinity, "∞"),
        ]
    )
    func short(value: Double, text: String) {
        #expect(value.short == text)
    }

    @Test("a ratio above 1 means that ours is better, whichever way is better")
    func ratio() {
        let time = Metric("time", "time", unit: "µs", better: .lower)
        #expect(time.ratio(of: 10, to: 300) == 30)
        #expect(time.ratio(of: 300, to: 10)! < 1)
        let rate = Metric("rate", "rate", unit: "tasks/s", better: .higher)
        #expect(rate.ratio(of: 300, to: 10) == 30)
        #expect(rate.ratio(of: 10, to: 300)! < 1)
    }

    @Test("nothing against nothing is the same, and something against nothing is no number")
    func ratioOfNothing() {
        let wakeUps = Metric("wakeUps", "wake-ups", unit: "wake-ups", better: .lower)
        #expect(wakeUps.ratio(of: 0, to: 0) == 1)
        #expect(wakeUps.ratio(of: 0, to: 41) == nil)
        #expect(wakeUps.ratio(of: 41, to: 0) == 0)
    }
}
