import Foundation
import Synchronization

/// Measures how long something takes, on a machine that may be held up by others, or stand still altogether, as virtual ones do for seconds.
final class Stopwatch: Sendable {
    private struct State {
        var counted = Duration.zero
        var longestGap = Duration.zero
        var lastLook = ContinuousClock.now

        mutating func look(at now: ContinuousClock.Instant) {
            let gap = now - lastLook
            lastLook = now
            counted += min(gap, Stopwatch.mostCounted)
            longestGap = max(longestGap, gap)
        }
    }

    private let state = Mutex(State())
    /// Of the time between two looks: more passes only if the machine stands still.
    private static let mostCounted = Duration.milliseconds(100)
    /// Between two looks, one of which is to come a millisecond after the other.
    private static let longestQuietGap = Duration.milliseconds(3)

    /// Begins to measure, and does so on a thread of its own for as long as anybody has it.
    init() {
        Thread.detachNewThread { [weak self] in
            while self?.look() != nil { usleep(1000) }
        }
    }

    private func look() {
        state.withLock { $0.look(at: .now) }
    }

    /// How long it has been since this was made, but for the time in which the machine stood still.
    var elapsed: Duration {
        look()
        return state.withLock { $0.counted }
    }

    /// Whether the machine did little enough else in that time for something short to be measured: a thread that sleeps for a millisecond at a time
    /// woke when it should.
    var wasQuiet: Bool {
        look()
        return state.withLock { $0.longestGap < Stopwatch.longestQuietGap }
    }
}
