import Testing

@testable import ConcurrentFutures

@Suite("Waiting for a thread pool's tasks")
struct ThreadPoolWaitingTests {
    private let core = ThreadPoolCore(
        maxWorkers: 1,
        maxPending: nil,
        idleTimeout: .seconds(1),
        name: "test",
        initializer: nil
    )

    /// How often it is looked for something that does not come.
    private func looksInVain() -> Int {
        var looks = 0
        let isFound = core.work {
            looks += 1
            return false
        }
        #expect(!isFound)
        return looks
    }

    @Test("what comes while it is looked for is found")
    func found() {
        var looks = 0
        let isFound = core.work {
            looks += 1
            // Not later: on a busy machine the time may be over then.
            return looks >= 2
        }
        #expect(isFound)
    }

    @Test("it is looked less for what does not come")
    func vain() {
        #expect(looksInVain() <= Patience.most + 1)
        for _ in 0..<4 { _ = looksInVain() }
        #expect(looksInVain() <= Patience.least + 1)
    }

    @Test("it is not looked at all for a while where that took too long")
    func tooLong() {
        var looks = 0
        let isFound = core.work {
            looks += 1
            blockUntil(monotonicNanoseconds() + 1_000_000)
            return false
        }
        #expect(!isFound && looks == 2)
        for _ in 0..<Patience.pause { #expect(looksInVain() == 0) }
        #expect(looksInVain() > 0)
    }

    @Test("one looks at a time")
    func one() {
        var looksOfOther = 0
        var isFirst = true
        _ = core.work {
            if isFirst { looksOfOther = looksInVain() }
            isFirst = false
            return true
        }
        #expect(looksOfOther == 0)
        #expect(looksInVain() > 0)
    }

    @Test("a patience that was in vain halves, and comes back where something came")
    func patience() {
        var patience = Patience()
        for _ in 0..<5 { patience.ended(inVain: true) }
        #expect(patience.begin() == Patience.least)
        for _ in 0..<5 { patience.ended(inVain: false) }
        #expect(patience.begin() == Patience.most)
    }
}
