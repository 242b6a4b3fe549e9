/// When workers are started again after starts in vain, while others live and do the work.
///
/// What is in short supply may come back in a moment, or after hours: so it is tried again soon, then less and less often, and with one worker at a
/// time until one of them gets ready. How tasks fare has no part in it: many short ones would have it tried without pause, and a long one never.
struct StartBackoff {
    /// How long the first pause is, in nanoseconds.
    let first: UInt64
    /// How long the longest ones are.
    let longest: UInt64
    /// Until when no worker is started.
    private(set) var end: UInt64?
    /// Whether no start has succeeded since one was in vain.
    private(set) var isProbing = false
    /// When a start was last in vain.
    private var latest: UInt64?
    private var next: UInt64 = 0
    private var pauseCount = 0

    init(first: UInt64, longest: UInt64) {
        self.first = first
        self.longest = longest
    }

    /// A start was in vain, while others live.
    ///
    /// - Returns: whether it is time to say so: once a shortage, if it is more than a moment's.
    mutating func failed(at now: UInt64) -> Bool {
        // What was so long ago is another story.
        if latest.map({ now - $0 > 3 * longest }) != false {
            next = first
            pauseCount = 0
        }
        latest = now
        isProbing = true
        // Others may have been on their way when it began.
        guard end == nil else { return false }
        end = now + next
        next = min(next * 2, longest)
        pauseCount += 1
        return pauseCount == 2
    }

    mutating func succeeded() {
        isProbing = false
    }

    /// - Returns: whether a pause has ended by that.
    mutating func timePassed(now: UInt64) -> Bool {
        guard let time = end, time <= now else { return false }
        end = nil
        return true
    }

    /// Nobody lives who could do the work meanwhile.
    mutating func cutShort() {
        end = nil
    }
}
