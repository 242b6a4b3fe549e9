/// How often a thread of the program looks for what it waits for before it waits otherwise, letting other threads run in between.
///
/// To be resumed by another thread takes some 25 µs. So it is worth looking where tasks are short, and where they are not it is
/// given up soon: the next time half as often, down to some 4 µs.
struct Patience {
    static let least = 8
    static let most = 60
    /// So many times nobody looks after it has taken too long.
    static let pause = 32

    private var looks = most
    private var timesToPause = 0

    /// How often to look now; 0 if it is better not to.
    mutating func begin() -> Int {
        guard timesToPause > 0 else { return looks }
        timesToPause -= 1
        return 0
    }

    /// - Parameter inVain: whether it was looked so often and nothing came.
    mutating func ended(inVain: Bool) {
        looks = inVain ? max(looks / 2, Self.least) : min(looks * 2, Self.most)
    }

    /// The other threads had the processor for longer than it was worth, which they have where more of them are busy than there are processors.
    mutating func tookTooLong() {
        looks = Self.least
        timesToPause = Self.pause
    }
}
