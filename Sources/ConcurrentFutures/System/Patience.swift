/// How often a thread of the program looks for what it waits for before it waits otherwise, letting other threads run in between.
///
/// To be resumed by another thread takes some 25 µs. So it is worth looking where tasks are short, and where they are not it is
/// given up soon: the next time half as often, down to some 4 µs.
struct Patience {
    static let least = 8
    static let most = 60

    private(set) var looks = most

    /// - Parameter inVain: whether it was looked so often and nothing came.
    mutating func ended(inVain: Bool) {
        looks = inVain ? max(looks / 2, Self.least) : min(looks * 2, Self.most)
    }
}
