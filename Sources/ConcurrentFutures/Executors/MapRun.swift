import DequeModule

/// What a map is to do, from which each of its iterators makes a run.
struct MapPlan<Output: Sendable> {
    enum Order {
        case ofInput
        case ofCompletion
    }

    let order: Order
    let executor: any PoolExecutor
    let options: MapOptions
    /// Starts to read the input; the options are those of each task.
    let makeFeed: (TaskOptions) -> any MapFeed<Output>
    var report: ((MapProgress) -> Void)?
}

/// One iteration of a map: what its iterator owns. When it goes, what has not started is cancelled.
///
/// What stands between a caller and a result at hand is inlined into the caller's module: unspecialised, it was measured at
/// ten times the cost.
@usableFromInline
final class MapRun<Output: Sendable> {
    @usableFromInline
    enum Refill {
        case ready
        case ended
        /// The task that iterates was cancelled.
        case cancelled
    }

    private enum Phase {
        /// Nothing has been read.
        case unstarted
        case running(any MapFeed<Output>)
        case ended
    }

    private struct Entry {
        let chunk: MapChunk<Output>
        var isFinished = false
    }

    /// Results at hand, the next one last, so that giving one out lets go of it.
    // Only the iterator's caller comes here, so no access can overlap another.
    @exclusivity(unchecked) @usableFromInline var ready: [Result<Output, any Error>] = []

    private let plan: MapPlan<Output>
    private var phase = Phase.unstarted
    /// How the input has ended, if it has; chunks may be on their way, or wait to be sent.
    private var inputEnd: MapInputEnd?
    private var window: MapWindow
    /// When the whole map must have ended, on the clock of ``monotonicNanoseconds()``; 0 if it need not.
    private var deadline: UInt64 = 0
    private var inputCount = 0
    private let queue = CompletionQueue()
    /// The chunks on their way, in the order in which they were sent; `nil` where the results were taken out of turn.
    private var entries: Deque<Entry?> = []
    /// The number of the first of them. Numbers go round: an endless map may have more chunks than there are numbers.
    private var firstEntry: UInt32 = 0
    /// The numbers of those that have finished, if results are taken in that order.
    private var finished: Deque<UInt32> = []
    private var unfinishedCount = 0
    private var outstandingItems = 0
    private var itemsRead = 0
    private var itemsEnded = 0
    private var lastReport: MapProgress?

    init(_ plan: MapPlan<Output>) {
        self.plan = plan
        window = MapWindow(plan.options, inputCount: 0)
    }

    deinit {
        end(cancellingRunning: false)
    }

    /// Waits for results, after the last ones have been given out.
    @usableFromInline
    func refill(isolation: isolated (any Actor)?) async -> Refill {
        if case .unstarted = phase { start() }
        while true {
            if !ready.isEmpty { return .ready }
            if case .ended = phase { return .ended }
            if Task.isCancelled {
                end(cancellingRunning: true)
                return .cancelled
            }
            note(await queue.take(atLeast: 0))
            if deadlineHasPassed, !hasResults, !mayBeComplete {
                endAtDeadline()
                continue
            }
            await fill(isolation: isolation)
            if await takeResults() { return .ready }
            if !entries.isEmpty {
                note(await queue.take(atLeast: 1))
            } else if let inputEnd, !hasUnsent {
                finish(inputEnd)
            }
        }
    }

    private func start() {
        let options = plan.options.taskOptionsFromNow()
        if let defect = plan.options.defect ?? options.defect {
            ready = [.failure(defect)]
            phase = .ended
            return
        }
        deadline = options.limits?.deadlineInstant ?? 0
        let feed = plan.makeFeed(options)
        inputCount = feed.underestimatedCount
        window = MapWindow(plan.options, inputCount: inputCount)
        phase = .running(feed)
    }

    private func finish(_ inputEnd: MapInputEnd) {
        phase = .ended
        switch inputEnd {
        case .failed(let error): ready = [.failure(error)]
        case .exhausted: reportProgress()
        }
    }

    /// Ends the run before its input or its results have.
    @usableFromInline
    func end(cancellingRunning: Bool) {
        phase = .ended
        ready = []
        for case let entry? in entries where cancellingRunning || !entry.chunk.future.isRunning {
            entry.chunk.future.cancel()
        }
        entries = []
    }

    /// Whether everything has come already, or would turn out to have if the input were read on, which takes no time.
    private var mayBeComplete: Bool {
        guard case .running(let feed) = phase, entries.isEmpty, !feed.hasUnsent else { return false }
        return inputEnd != nil || !feed.suspendsReader
    }

    private var hasUnsent: Bool {
        if case .running(let feed) = phase { feed.hasUnsent } else { false }
    }

    private var deadlineHasPassed: Bool { deadline != 0 && monotonicNanoseconds() >= deadline }

    /// Ends the run because its time is over; what it had before has been taken.
    private func endAtDeadline() {
        end(cancellingRunning: true)
        ready = [.failure(plan.options.deadlinePassed(completed: itemsEnded))]
    }

    // MARK: Sending

    private func fill(isolation: isolated (any Actor)?) async {
        while case .running(let feed) = phase, !Task.isCancelled {
            note(await queue.take(atLeast: 0))
            let start = ContinuousClock.now
            if !feed.hasUnsent {
                guard inputEnd == nil else { return }
                // The next item may be long in coming, and would hold up results that are there.
                if feed.suspendsReader, deadlineHasPassed || (window.isInputSlow && hasResults) { return }
                let count = window.nextChunk(standing)
                guard count > 0 else { return }
                inputEnd = await read(feed, count, isolation: isolation)
            }
            // Who waits for room while there are results, or will be, may keep those from giving room who wait for them.
            let chunks = await feed.send(mayWait: entries.isEmpty)
            for chunk in chunks { add(chunk) }
            window.fed(items: chunks.reduce(0) { $0 + $1.itemCount }, nanoseconds: (.now - start).nanoseconds)
            if feed.hasUnsent { return }
        }
    }

    /// Reads the input, until the deadline if that may take long.
    ///
    /// - Returns: how it has ended; `nil` if it has not, or was kept from going on.
    private func read(
        _ feed: any MapFeed<Output>,
        _ count: Int,
        isolation: isolated (any Actor)?
    ) async -> MapInputEnd? {
        guard deadline != 0, feed.suspendsReader else { return await feed.read(count, isolation: isolation) }
        // Nobody else comes to it until this returns.
        nonisolated(unsafe) let feed = feed
        let reading = Task {
            _ = isolation
            return await feed.read(count, isolation: isolation)
        }
        let alarm = Task.detached { [deadline] in
            await sleepUntil(deadline)
            if !Task.isCancelled { reading.cancel() }
        }
        let end = await withTaskCancellationHandler {
            await reading.value
        } onCancel: {
            reading.cancel()
        }
        alarm.cancel()
        // An input that is asked to stop may just end.
        return deadlineHasPassed ? nil : end
    }

    private var standing: MapWindow.Standing {
        MapWindow.Standing(
            outstandingItems: outstandingItems,
            chunks: entries.count,
            unfinishedChunks: unfinishedCount,
            isWaiting: plan.order == .ofCompletion || !hasResults,
            // Sums of these must not overflow.
            workers: min(plan.executor.maxWorkers, 1 << 16)
        )
    }

    private func add(_ chunk: MapChunk<Output>) {
        let number = firstEntry &+ UInt32(entries.count)
        entries.append(Entry(chunk: chunk))
        itemsRead += chunk.itemCount
        outstandingItems += chunk.itemCount
        unfinishedCount += 1
        if !chunk.future.report(to: queue, position: number) { noteFinished(number) }
    }

    // MARK: Receiving

    private func note(_ delivery: CompletionQueue.Delivery) {
        guard case .positions(let numbers) = delivery else { return }
        for number in numbers { noteFinished(number) }
    }

    private func noteFinished(_ number: UInt32) {
        entries[Int(number &- firstEntry)]?.isFinished = true
        unfinishedCount -= 1
        if plan.order == .ofCompletion { finished.append(number) }
    }

    private var hasResults: Bool {
        switch plan.order {
        case .ofInput: if case .some(.some(let entry)) = entries.first { entry.isFinished } else { false }
        case .ofCompletion: !finished.isEmpty
        }
    }

    /// Takes the results of the chunk whose turn it is, if it has finished.
    nonisolated(nonsending) private func takeResults() async -> Bool {
        guard hasResults else { return false }
        let number = finished.popFirst() ?? firstEntry
        guard let chunk = entries[Int(number &- firstEntry)].take()?.chunk else {
            preconditionFailure("the results of a chunk were taken twice")
        }
        while case .some(.none) = entries.first {
            entries.removeFirst()
            firstEntry &+= 1
        }
        outstandingItems -= chunk.itemCount
        let results = await results(of: chunk)
        // What its deadline has cut off ends the map; what the function itself says of time limits does not.
        if deadline != 0, let cut = results.lastIndex(where: { $0.missed(deadline) }) {
            itemsEnded += results.count - cut - 1
            endAtDeadline()
            ready.append(contentsOf: results[(cut + 1)...])
            return true
        }
        itemsEnded += chunk.itemCount
        ready = results
        reportProgress()
        return true
    }

    /// The results of a finished chunk, the last one first.
    nonisolated(nonsending) private func results(of chunk: MapChunk<Output>) async -> [Result<Output, any Error>] {
        switch await chunk.future.result {
        case .success(let outcome):
            guard outcome.reversed.count == chunk.itemCount else {
                let error = PoolError(
                    .workerMisbehaved,
                    "a chunk of \(chunk.itemCount) items came back with \(outcome.reversed.count) outcomes"
                )
                return Array(repeating: .failure(error), count: chunk.itemCount)
            }
            window.ran(items: chunk.itemCount, nanoseconds: outcome.duration.nanoseconds)
            return outcome.reversed
        case .failure(let error):
            return Array(repeating: .failure(error), count: chunk.itemCount)
        }
    }

    private func reportProgress() {
        guard let report = plan.report else { return }
        let total: Int? =
            switch phase {
            case .ended: itemsRead
            case .running where inputEnd != nil && !hasUnsent: itemsRead
            case .unstarted, .running: inputCount > 0 ? max(inputCount, itemsRead) : nil
            }
        let progress = MapProgress(completed: itemsEnded, total: total)
        if progress != lastReport { report(progress) }
        lastReport = progress
    }
}

extension Result where Failure == any Error {
    fileprivate func missed(_ deadline: UInt64) -> Bool {
        if case .failure(let error as PoolError) = self { error.missedDeadline == deadline } else { false }
    }
}
