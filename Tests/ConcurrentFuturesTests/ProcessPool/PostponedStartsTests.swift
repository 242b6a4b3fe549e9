import Testing

@testable import ConcurrentFutures

@Suite("Starts of workers that are put off", .timeLimit(.minutes(5)))
struct PostponedStartsTests {
    private let second = PostponedStarts.patience

    private func expect(_ expected: Bool, _ starts: inout PostponedStarts, _ event: (inout PostponedStarts) -> Bool) {
        let result = event(&starts)
        #expect(result == expected)
    }

    @Test("a start is tried again after a while, as long as none has failed for long")
    func patience() {
        var starts = PostponedStarts()
        #expect(starts.nextTry == nil)
        expect(true, &starts) { $0.postpone(1, now: 0) }
        expect(true, &starts) { $0.postpone(2, now: 10) }
        #expect(starts.nextTry == PostponedStarts.timeBetweenTries)
        let early = starts.take(now: 20)
        #expect(early.isEmpty)
        let both = starts.take(now: PostponedStarts.timeBetweenTries)
        #expect(both == [1, 2])
        #expect(starts.nextTry == nil)
        expect(true, &starts) { $0.postpone(1, now: second - 1) }
        expect(false, &starts) { $0.postpone(2, now: second) }
    }

    @Test("a start that succeeds, and time, make the next failure a first one")
    func anotherStory() {
        var starts = PostponedStarts()
        expect(true, &starts) { $0.postpone(1, now: 0) }
        starts.succeeded()
        expect(true, &starts) { $0.postpone(2, now: 5 * second) }
        expect(false, &starts) { $0.postpone(3, now: 6 * second) }
        expect(true, &starts) { $0.postpone(4, now: 5 * second + PostponedStarts.memory + 1) }
    }

    @Test("a worker that is not needed any more is not started")
    func removed() {
        var starts = PostponedStarts()
        expect(true, &starts) { $0.postpone(1, now: 0) }
        expect(true, &starts) { $0.remove(1) }
        expect(false, &starts) { $0.remove(1) }
        #expect(starts.nextTry == nil)
        let due = starts.take(now: second)
        #expect(due.isEmpty)
    }
}
