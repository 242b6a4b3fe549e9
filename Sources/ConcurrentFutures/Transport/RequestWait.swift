/// How a worker waits for its next request: what it does each time that it finds none.
///
/// Behind an urgent one it looks again as often as has been worth it lately, and then sleeps. Behind one that is not it naps, and then sleeps: tiny tasks gather meanwhile, and
/// the processor is left to others. See ``Urgency``.
struct RequestWait {
    enum Step {
        /// Others have been let run meanwhile.
        case look
        case nap, sleep
    }

    /// In a row.
    static let mostNaps = 3

    private var looks = AdaptiveWait()
    private var mayNap = false
    private var naps = 0

    /// There is none.
    mutating func nextStep() -> Step {
        guard mayNap else { return looks.looksAgain() ? .look : .sleep }
        guard naps < Self.mostNaps else { return .sleep }
        naps += 1
        return .nap
    }

    /// There is one.
    mutating func found() {
        looks.found()
        naps = 0
    }

    /// - Parameter mayNap: whether it may nap behind the one that it has taken.
    mutating func took(mayNap: Bool) {
        self.mayNap = mayNap
    }

    /// Learns from a sleep.
    mutating func slept(nanoseconds: UInt64) {
        looks.slept(nanoseconds: nanoseconds)
    }
}
