/// The receiving ends of all workers' channels. Whoever has it takes what the workers reply: the pool's thread or, while it would only wait for a task,
/// a thread of the program, of which one at a time looks.
///
/// While nobody looks, workers ring for their replies: so whoever ends looking has them ring.
struct Reception: ~Copyable {
    /// What one worker has sent: a part of ``replies``.
    struct Batch {
        let link: WorkerLink
        let range: Range<Int>
    }

    private var links: [WorkerLink] = []
    /// Empty, except while replies are taken; kept for its memory.
    private(set) var replies: [Reply] = []
    /// Whose they are; each worker comes once.
    private(set) var batches: [Batch] = []
    /// Workers that have written what no sound worker writes, and are to be killed.
    private var senseless: [WorkerID] = []
    private var workersRing = false
    /// Where to begin, so that it is another worker each time whose replies may be too many.
    private var first = 0
    /// Whether a thread of the program looks for replies.
    private(set) var isLookedAt = false
    private var patience = Patience()

    private static let mostRepliesKept = 4096
    /// A thread of the program, which has other things to do, takes no more of one worker,
    static let mostRepliesOfOne = 64
    /// and nothing of the next one once there are so many.
    private static let mostRepliesAtOnce = 32

    mutating func add(_ link: WorkerLink) {
        links.append(link)
    }

    mutating func remove(_ id: WorkerID) {
        links.removeAll { $0.id == id }
    }

    /// Takes what has come: all of it, or as much as a thread of the program should.
    ///
    /// - Parameters:
    ///   - includingStarts: whether also of workers that have not said yet that they stand ready: what they say first is only the pool's thread's.
    ///   - ended: a worker whose process has ended, so that it says nothing more.
    /// - Returns: whether there was anything.
    mutating func collect(includingStarts: Bool, atEndOf ended: WorkerID? = nil) -> Bool {
        if workersRing {
            workersRing = false
            for link in links { link.channel.wakeUp() }
        }
        let start = first
        for step in 0..<links.count {
            let index = (start + step) % links.count
            let link = links[index]
            guard link.misbehaviour == nil, includingStarts || link.isReady else { continue }
            if !includingStarts, replies.count >= Self.mostRepliesAtOnce {
                first = index
                break
            }
            let begin = replies.count
            do throws(ChannelFailure) {
                try link.channel.receive(atMost: includingStarts ? .max : Self.mostRepliesOfOne) { replies.append($0) }
                if link.id == ended { try link.channel.receiveUnpublished { replies.append($0) } }
            } catch {
                misbehaved(link, error)
            }
            if replies.count > begin { batches.append(Batch(link: link, range: begin..<replies.count)) }
        }
        return !replies.isEmpty || !senseless.isEmpty
    }

    /// Forgets the replies, which have been told.
    mutating func removeReplies() {
        replies.removeAll(keepingCapacity: replies.count < Self.mostRepliesKept)
        batches.removeAll(keepingCapacity: true)
    }

    /// A worker has written what no sound worker writes. How it ends is told like any other end.
    mutating func misbehaved(_ link: WorkerLink, _ failure: ChannelFailure) {
        link.misbehaviour = failure
        senseless.append(link.id)
    }

    /// The workers that are to be killed because of what they have written, each once.
    mutating func takeSenseless() -> [WorkerID] {
        guard !senseless.isEmpty else { return [] }
        defer { senseless = [] }
        return senseless
    }

    /// Has workers ring for what they reply from now on.
    ///
    /// - Returns: `false` if there is something already.
    mutating func haveWorkersRing() -> Bool {
        workersRing = true
        var isQuiet = true
        for link in links where link.misbehaviour == nil { isQuiet = link.channel.prepareToSleep() && isQuiet }
        return isQuiet
    }

    /// A thread of the program is about to look for replies.
    ///
    /// - Returns: how often it is to look before it gives up; `nil` if another one looks.
    mutating func beginLooking() -> Int? {
        if isLookedAt { return nil }
        isLookedAt = true
        return patience.begin()
    }

    /// - Parameter inVain: whether it gave up.
    /// - Returns: `false` if there is something, for which no worker will ring.
    mutating func endLooking(inVain: Bool) -> Bool {
        isLookedAt = false
        patience.ended(inVain: inVain)
        return haveWorkersRing()
    }
}
