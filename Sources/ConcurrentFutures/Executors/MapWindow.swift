/// How much of its input a map may read next, and in how big a chunk; no I/O.
struct MapWindow {
    /// What the map has at the moment.
    struct Standing {
        /// Items that were read from the input and whose results were not returned.
        var outstandingItems: Int
        var chunks: Int
        var unfinishedChunks: Int
        /// Whether the result that is to be returned next is still being waited for.
        var isWaiting: Bool
        var workers: Int
    }

    /// How long an automatic chunk takes at least.
    ///
    /// A chunk costs some 10 µs to send, to be woken for and to be received, so it should take many times that; and it should be
    /// short to a human and to a cancellation, because a chunk that runs is neither divided among workers nor taken back.
    static let targetNanoseconds = 500_000.0

    /// For each worker, one chunk that it works on and one so that it need not wait for the next.
    static let chunksPerWorker = 2
    /// For each worker, how many chunks may be finished or at work while the one whose turn it is takes longer than they.
    static let chunksPerWorkerBehindSlowOne = 8
    /// How many chunks each worker gets at least of an input of known length, so that all end at about the same time.
    static let sharesPerWorker = 4
    /// An automatic chunk is never of more items than this, however fast they are.
    static let largestChunk = 1 << 16

    private let chunkSize: Int?
    private let bufferSize: Int?
    private let inputCount: Int

    private var automaticSize = 1
    private var runCost = MovingCost()
    private var feedCost = MovingCost()

    /// - Parameters:
    ///   - chunkSize: how many items a chunk has; `nil` to measure it.
    ///   - bufferSize: how many items may be outstanding.
    ///   - inputCount: how many items the input has at least.
    init(chunkSize: Int?, bufferSize: Int?, inputCount: Int) {
        self.chunkSize = chunkSize
        self.bufferSize = bufferSize
        self.inputCount = inputCount
    }

    init(_ options: MapOptions, inputCount: Int) {
        self.init(
            // Whether an item is sent again is decided with its outcome, and those of a chunk have one together.
            chunkSize: options.retry?.retriesError == nil ? options.chunkSize : 1,
            bufferSize: options.bufferSize,
            inputCount: inputCount
        )
    }

    /// Whether reading and sending an item takes longer than a chunk should.
    var isInputSlow: Bool { feedCost.nanosecondsPerItem > Self.targetNanoseconds }

    /// How many items to read and to send as the next chunk; zero if there is enough on its way.
    func nextChunk(_ standing: Standing) -> Int {
        guard hasRoomForChunk(standing) else { return 0 }
        let room = bufferSize.map { $0 - standing.outstandingItems } ?? Int.max
        return max(0, min(chunkSize ?? automaticChunk(workers: standing.workers), room))
    }

    private func hasRoomForChunk(_ standing: Standing) -> Bool {
        // Who says how much is read ahead gets exactly that.
        if bufferSize != nil { return true }
        if standing.chunks < Self.chunksPerWorker * standing.workers { return true }
        return standing.isWaiting
            && standing.unfinishedChunks < Self.chunksPerWorker * standing.workers
            && standing.chunks < Self.chunksPerWorkerBehindSlowOne * standing.workers
    }

    private func automaticChunk(workers: Int) -> Int {
        var size = min(automaticSize, Self.largestChunk)
        if inputCount > 0 { size = min(size, inputCount / (Self.sharesPerWorker * workers)) }
        if let bufferSize { size = min(size, bufferSize / (Self.chunksPerWorker * workers)) }
        return max(1, size)
    }

    /// Takes in how long a chunk took to run.
    mutating func ran(items: Int, nanoseconds: Double) {
        runCost.add(items: items, nanoseconds: nanoseconds)
        // What is slow to read or to encode is not made faster by big chunks, but late: so both costs count.
        let cost = max(runCost.nanosecondsPerItem, feedCost.nanosecondsPerItem)
        // By four at a time: a chunk says little about one of many times its size.
        let limit = max(automaticSize, 4 * items)
        automaticSize = max(1, Int(min(Self.targetNanoseconds / max(cost, 1), Double(limit))))
    }

    /// Takes in how long a chunk took to be read from the input and to be handed to the executor.
    mutating func fed(items: Int, nanoseconds: Double) {
        feedCost.add(items: items, nanoseconds: nanoseconds)
    }
}

/// The cost of an item, as an average in which the latest chunk counts for half: one that the system interrupted is soon forgotten.
private struct MovingCost {
    private(set) var nanosecondsPerItem = 0.0

    mutating func add(items: Int, nanoseconds: Double) {
        guard items > 0 else { return }
        let sample = nanoseconds / Double(items)
        nanosecondsPerItem = nanosecondsPerItem == 0 ? sample : (nanosecondsPerItem + sample) / 2
    }
}

extension Duration {
    var nanoseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1e9 + Double(attoseconds) * 1e-9
    }
}
