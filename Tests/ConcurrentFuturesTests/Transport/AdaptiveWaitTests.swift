import Testing

@testable import ConcurrentFutures

@Suite("Looking before sleeping")
struct AdaptiveWaitTests {
    private func looks(_ wait: inout AdaptiveWait) -> Int {
        var count = 0
        while wait.looksAgain() { count += 1 }
        return count
    }

    @Test("who slept for a moment only looks longer, and who slept for long hardly looks, each within bounds")
    func adaptation() {
        var wait = AdaptiveWait()
        #expect(looks(&wait) == AdaptiveWait.first - 1)
        wait.slept(nanoseconds: 10_000)
        let more = looks(&wait)
        #expect(more == 2 * AdaptiveWait.first - 1)
        for _ in 0..<20 { wait.slept(nanoseconds: 10_000) }
        #expect(wait.limit == AdaptiveWait.most)
        for _ in 0..<20 { wait.slept(nanoseconds: 1_000_000) }
        #expect(wait.limit == AdaptiveWait.least)
        let fewest = looks(&wait)
        #expect(fewest == AdaptiveWait.least - 1)
    }

    @Test("what was found in time leaves all looks for the next time")
    func found() {
        var wait = AdaptiveWait()
        for _ in 0..<100 {
            let isLooking = wait.looksAgain()
            #expect(isLooking)
            wait.found()
        }
    }
}
