import DequeModule

/// Who has what to do in a pool of threads; no I/O and no locks.
///
/// Two kinds of work are told apart. A *task* was submitted, counts against the limit from its start to its end, also while it
/// is suspended, and can be cancelled; one that is to be run again waits for that outside of the limit. A *job* is a piece of async code that can go on now; it only needs a thread, and comes
/// first, because what has been started is finished before something new is started.
struct ThreadPoolState {
    enum Work {
        case task(any PooledTask, id: TaskID)
        case job(PooledJob)
        /// Nothing to do for now: the thread parks.
        case wait(ThreadParker)
        /// The thread ends.
        case exit(AfterExit)
    }

    /// What a change in the work asks of the threads.
    enum Staffing {
        case enough
        case wake(ThreadParker)
        /// A thread has been counted and must be started.
        case start(number: Int)
    }

    /// What the last act of a thread sets free.
    struct AfterExit {
        var drained: [UnsafeContinuation<Void, Never>] = []
    }

    enum Cancellation {
        /// It does not run, and is the caller's now.
        case pending(any PooledTask)
        case running(any PooledTask)
        case unknown
    }

    private struct NumberedTask {
        let id: TaskID
        let task: any PooledTask
    }

    let maxWorkers: Int

    /// In the order of their numbers, which have no gaps; `nil` where one was cancelled.
    private var pending: Deque<(any PooledTask)?> = []
    private var firstPending: TaskID = 1
    private var pendingCount = 0
    /// Those that wait for their next attempt.
    private var suspended: [TaskID: any PooledTask] = [:]
    /// Those whose next attempt is due. They are older than the pending ones, and come before them.
    private var resumed: Deque<NumberedTask> = []
    private var jobs: Deque<PooledJob> = []
    private var running: [NumberedTask] = []
    /// The one that parked last is woken first, so that the others can go.
    private var idle: [ThreadParker] = []
    private var threadCount = 0
    private var startedThreads = 0
    /// How many threads will look for work before they park: each of them saves a wake-up.
    private var seeking = 0
    /// Those that have ended, or are about to, and were not joined.
    private var exited: [SystemThread] = []
    private var isShutDown = false
    private var refusesRetries = false
    private(set) var failure: PoolError?
    private var drainWaiters: [UnsafeContinuation<Void, Never>] = []

    init(maxWorkers: Int) {
        self.maxWorkers = maxWorkers
    }

    /// Why no task is taken, if none is.
    var refusal: PoolError? {
        if let failure { return failure }
        return isShutDown ? PoolError(.shutdown, "the executor was shut down before the task was submitted") : nil
    }

    private var isClosed: Bool { isShutDown || failure != nil }
    private var startableCount: Int { min(pendingCount + resumed.count, maxWorkers - running.count) }
    private var isDrained: Bool {
        threadCount == 0 && pendingCount == 0 && suspended.isEmpty && resumed.isEmpty && running.isEmpty && jobs.isEmpty
    }

    // MARK: Work comes

    /// The number of the next task that is added.
    var nextTask: TaskID { firstPending + TaskID(pending.count) }

    mutating func add(_ task: any PooledTask) -> Staffing {
        pending.append(task)
        pendingCount += 1
        return staff()
    }

    mutating func add(_ job: PooledJob) -> Staffing {
        jobs.append(job)
        return staff()
    }

    private mutating func staff() -> Staffing {
        guard jobs.count + startableCount > seeking else { return .enough }
        if let parker = idle.popLast() {
            seeking += 1
            return .wake(parker)
        }
        guard threadCount < maxWorkers else { return .enough }
        threadCount += 1
        startedThreads += 1
        seeking += 1
        return .start(number: startedThreads)
    }

    // MARK: A thread's life

    /// Called by a thread that seeks, in which ``seeking`` counts it.
    mutating func takeWork() -> Work {
        if let job = jobs.popFirst() {
            seeking -= 1
            return .job(job)
        }
        if startableCount > 0, let next = resumed.popFirst() ?? takePending() {
            running.append(next)
            // An async task becomes a job, which the same thread comes to fetch.
            if !next.task.isAsync { seeking -= 1 }
            return .task(next.task, id: next.id)
        }
        seeking -= 1
        if isClosed { return .exit(removeThread()) }
        let parker = ThreadParker()
        idle.append(parker)
        return .wait(parker)
    }

    /// Called by a thread that has run a job.
    mutating func resumeSeeking() {
        seeking += 1
    }

    /// Called when a task has ended and before its future is told, so that who hears of it finds the thread free.
    mutating func finish(_ id: TaskID, isAsync: Bool) -> Staffing {
        _ = removeRunning(id)
        return releaseThread(isAsync: isAsync)
    }

    /// Called when an attempt at a task has ended that is to be followed by another.
    ///
    /// - Returns: `nil` if there are no further attempts in this pool; then nothing has changed.
    mutating func suspend(_ id: TaskID, isAsync: Bool) -> Staffing? {
        guard failure == nil, !refusesRetries else { return nil }
        suspended[id] = removeRunning(id)
        return releaseThread(isAsync: isAsync)
    }

    /// Called when a task's next attempt is due; it may have been cancelled.
    mutating func resume(_ id: TaskID) -> Staffing {
        guard let task = suspended.removeValue(forKey: id) else { return .enough }
        resumed.append(NumberedTask(id: id, task: task))
        return staff()
    }

    private mutating func removeRunning(_ id: TaskID) -> any PooledTask {
        guard let index = running.firstIndex(where: { $0.id == id }) else {
            preconditionFailure("a task ended that did not run")
        }
        running.swapAt(index, running.count - 1)
        return running.removeLast().task
    }

    private mutating func releaseThread(isAsync: Bool) -> Staffing {
        guard !isAsync else { return staff() }
        seeking += 1
        return .enough
    }

    /// Called by a thread whose idle time has passed.
    ///
    /// - Returns: What the end of the thread sets free; `nil` if it was woken at the last moment and seeks.
    mutating func retire(_ parker: ThreadParker) -> AfterExit? {
        guard let index = idle.firstIndex(where: { $0 === parker }) else { return nil }
        idle.remove(at: index)
        return removeThread()
    }

    private mutating func removeThread() -> AfterExit {
        threadCount -= 1
        exited.append(.current)
        return AfterExit(drained: takeDrainWaiters())
    }

    /// Called when the system gave no thread.
    ///
    /// - Returns: The tasks that nobody is left to run.
    mutating func threadDidNotStart() -> (stranded: [any PooledTask], hasJobs: Bool) {
        threadCount -= 1
        seeking -= 1
        guard threadCount == 0 else { return ([], false) }
        return (takeAllPending(), !jobs.isEmpty)
    }

    mutating func takeExited() -> [SystemThread] {
        defer { exited = [] }
        return exited
    }

    // MARK: Cancelling and closing

    func isRunning(_ id: TaskID) -> Bool {
        running.contains { $0.id == id }
    }

    mutating func cancel(_ id: TaskID) -> Cancellation {
        if id >= firstPending, id < nextTask {
            guard let task = pending[Int(id - firstPending)].take() else { return .unknown }
            pendingCount -= 1
            return .pending(task)
        }
        if let task = suspended.removeValue(forKey: id) { return .pending(task) }
        if let index = resumed.firstIndex(where: { $0.id == id }) { return .pending(resumed.remove(at: index).task) }
        guard let entry = running.first(where: { $0.id == id }) else { return .unknown }
        return .running(entry.task)
    }

    /// Takes no further tasks and lets idle threads end.
    ///
    /// - Returns: The idle threads, which must be woken.
    mutating func close() -> [ThreadParker] {
        isShutDown = true
        return releaseIdle()
    }

    /// Takes no further tasks, because a thread could not be made ready.
    mutating func fail(_ error: PoolError) -> (stranded: [any PooledTask], idle: [ThreadParker]) {
        if failure == nil { failure = error }
        return (takeAllPending(), releaseIdle())
    }

    private mutating func releaseIdle() -> [ThreadParker] {
        defer { idle = [] }
        seeking += idle.count
        return idle
    }

    var runningTasks: [any PooledTask] { running.map(\.task) }

    /// Takes all that do not run, to be cancelled; those that do are not run again.
    mutating func cancelPending() -> [any PooledTask] {
        refusesRetries = true
        return takeAllPending()
    }

    private mutating func takeAllPending() -> [any PooledTask] {
        firstPending = nextTask
        pendingCount = 0
        defer { (pending, suspended, resumed) = ([], [:], []) }
        return suspended.values + resumed.map(\.task) + pending.compactMap { $0 }
    }

    /// - Returns: Whether the continuation was stored; if not, nothing is left to wait for.
    mutating func waitUntilDrained(_ continuation: UnsafeContinuation<Void, Never>) -> Bool {
        guard !isDrained else { return false }
        drainWaiters.append(continuation)
        return true
    }

    /// Those who wait for the end, if this is it.
    mutating func takeDrainWaiters() -> [UnsafeContinuation<Void, Never>] {
        guard isDrained else { return [] }
        defer { drainWaiters = [] }
        return drainWaiters
    }

    private mutating func takePending() -> NumberedTask? {
        while let next = pending.popFirst() {
            defer { firstPending += 1 }
            guard let next else { continue }
            pendingCount -= 1
            return NumberedTask(id: firstPending, task: next)
        }
        return nil
    }

    // MARK: Invariants

    /// What holds between any two calls.
    func checkInvariants() {
        precondition(running.count <= maxWorkers)
        precondition(threadCount <= maxWorkers)
        precondition(seeking >= 0 && seeking + idle.count <= threadCount)
        precondition(pendingCount == pending.count { $0 != nil })
        precondition(!isClosed || idle.isEmpty)
    }
}
