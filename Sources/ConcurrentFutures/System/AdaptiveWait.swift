/// How often to look for what is awaited, letting other threads run in between, before going to sleep.
///
/// Being woken takes some 25 µs, and costs the one who wakes 4. So who would have waited only a little longer looks longer the next time, and who has slept
/// for long looks less: in a pool that works nobody sleeps between two tasks, and one that is idle sleeps nearly at once.
struct AdaptiveWait {
    /// Takes about as long as being woken.
    static let first = 60
    static let least = 15
    static let most = 400
    /// A sleep that is shorter, in nanoseconds, was not worth its waking: about what ``most`` looks take.
    static let shortSleep: UInt64 = 250_000

    private(set) var limit = first
    private var looks = 0

    /// Whether it has been looked since something was there.
    var hasLooked: Bool { looks > 0 }

    /// Whether to look again rather than to sleep. Lets other threads run before it says so.
    mutating func looksAgain() -> Bool {
        looks += 1
        guard looks < limit else { return false }
        yieldProcessor()
        return true
    }

    /// What was awaited is there.
    mutating func found() {
        looks = 0
    }

    /// Learns from a sleep.
    mutating func slept(nanoseconds: UInt64) {
        looks = 0
        limit = nanoseconds < Self.shortSleep ? min(2 * limit, Self.most) : max(limit / 2, Self.least)
    }
}
