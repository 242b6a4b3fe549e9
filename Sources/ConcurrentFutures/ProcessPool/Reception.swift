/// The receiving ends of all workers' channels. Whoever has it takes what the workers reply: the pool's thread or, while it would only wait for a task,
/// a thread of the program.
///
/// Where nobody has it and nobody is about to, workers ring for their replies: so whoever lets it go has them ring, unless it comes back at once.
struct Reception: ~Copyable {
    private var links: [WorkerLink] = []
    /// Empty, except while replies are taken; kept for its memory.
    private(set) var replies: [(link: WorkerLink, reply: Reply)] = []
    /// Workers that have written what no sound worker writes, and are to be killed.
    private var senseless: [WorkerID] = []
    private var workersRing = false
    /// Where to begin, so that it is another worker each time whose replies may be too many.
    private var first = 0
    /// How often a thread of the program looks before it gives up.
    private(set) var patience = Self.mostPatience

    private static let mostRepliesKept = 4096
    /// Of so many replies a thread of the program takes no more at a time: it has other things to do.
    private static let mostRepliesAtOnce = 256
    private static let leastPatience = 8
    private static let mostPatience = 60

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
            do throws(ChannelFailure) {
                try link.channel.receive { replies.append((link, $0)) }
                if link.id == ended { try link.channel.receiveUnpublished { replies.append((link, $0)) } }
            } catch {
                misbehaved(link, error)
            }
        }
        return !replies.isEmpty || !senseless.isEmpty
    }

    /// Forgets the replies, which have been told.
    mutating func removeReplies() {
        replies.removeAll(keepingCapacity: replies.count < Self.mostRepliesKept)
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

    /// Learns whether it was worth while for a thread of the program to look.
    mutating func looked(inVain: Bool) {
        patience = inVain ? max(patience / 2, Self.leastPatience) : min(patience * 2, Self.mostPatience)
    }
}
