import Synchronization

/// The threads of a ``ThreadPoolExecutor`` and their work. It lives until the last of them has ended, also when nobody holds the
/// executor any more.
final class ThreadPoolCore: TaskControl, TaskExecutor {
    let name: String
    let maxWorkers: Int
    private let idleTimeout: Duration
    private let initializer: (@Sendable () throws -> Void)?
    private let callbacks: CallbackThread
    var callbackScheduler: (any CallbackScheduler)? { callbacks }
    private let timers: ServiceThread
    private let entrance: Entrance?
    private let state: Lock<ThreadPoolState>
    private let looking = Lock(Looking())

    init(
        maxWorkers: Int,
        maxPending: Int?,
        idleTimeout: Duration,
        name: String,
        initializer: (@Sendable () throws -> Void)?
    ) {
        self.maxWorkers = maxWorkers
        self.idleTimeout = idleTimeout
        self.name = name
        self.initializer = initializer
        callbacks = CallbackThread(name: name)
        timers = ServiceThread(name: ThreadName(name, suffix: "-timer"))
        entrance = Entrance(maxPending: maxPending, timers: timers)
        state = Lock(ThreadPoolState(maxWorkers: maxWorkers))
    }

    deinit {
        // One of them may be the thread that runs this.
        for thread in state.withLock({ $0.takeExited() }) { thread.detach() }
    }

    // MARK: Work

    /// Takes a task, or refuses it if there is no room for it.
    func submit<Output>(_ body: any LocalBody<Output>, _ options: TaskOptions) -> Future<Output> {
        do {
            if let defect = options.defect { throw defect }
            try entrance?.enter(options)
            return add(body, options)
        } catch {
            return Future(failed: error)
        }
    }

    /// Takes a task when there is room for it.
    nonisolated(nonsending) func submitWhenRoom<Output>(
        _ body: any LocalBody<Output>,
        _ options: TaskOptions
    ) async -> Future<Output> {
        do {
            if let defect = options.defect { throw defect }
            try await entrance?.enterWhenRoom(options)
            return add(body, options)
        } catch is CancellationError {
            let future = Future<Output>(control: self)
            future.completeCancelled()
            return future
        } catch {
            return Future(failed: error)
        }
    }

    /// How many wait for room. Nothing depends on it; tests see by it that somebody waits.
    var waiterCount: Int { entrance?.waiterCount ?? 0 }

    /// Takes a task that has been admitted.
    private func add<Output>(_ body: any LocalBody<Output>, _ options: TaskOptions) -> Future<Output> {
        let future = Future<Output>(control: self)
        if let limits = options.limits {
            add(body, limits, options, future)
        } else {
            add(PooledTaskOf(body, future: future), future)
        }
        return future
    }

    private func add<Body: LocalBody>(
        _ body: Body,
        _ limits: TaskLimits,
        _ options: TaskOptions,
        _ future: Future<Body.Output>
    ) {
        let task = LimitedTask(body, limits: limits, options: options, future: future, timers: timers)
        if add(task, future) { task.setDeadline(in: self) }
    }

    @discardableResult
    private func add<Output>(_ task: any PooledTask, _ future: Future<Output>) -> Bool {
        let staffing = state.withLock { state -> Result<ThreadPoolState.Staffing, PoolError> in
            if let refusal = state.refusal { return .failure(refusal) }
            future.assign(task: state.nextTask)
            return .success(state.add(task))
        }
        switch staffing {
        case .success(let staffing):
            arrange(staffing)
            return true
        case .failure(let refusal):
            end { task.complete(throwing: refusal) }
            return false
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        enqueue(PooledJob(job: UnownedJob(job), executor: asUnownedTaskExecutor()))
    }

    func enqueue(_ job: PooledJob) {
        arrange(state.withLock { $0.add(job) })
    }

    /// Called when a task that ran has ended, before its future is told.
    func taskEnded(_ id: TaskID, isAsync: Bool) {
        entrance?.leave()
        arrange(state.withLock { $0.finish(id, isAsync: isAsync) })
    }

    /// Lets a task wait that has run and is to run again.
    ///
    /// - Returns: `false` if the pool runs no task again; then it still counts as running.
    func suspend(_ id: TaskID, isAsync: Bool) -> Bool {
        guard let staffing = state.withLock({ $0.suspend(id, isAsync: isAsync) }) else { return false }
        arrange(staffing)
        return true
    }

    /// Ends the wait of a suspended task, if it is still there.
    func resume(_ id: TaskID) {
        arrange(state.withLock { $0.resume(id) })
    }

    /// Takes a task back that does not run, and has it completed.
    ///
    /// - Returns: `false` if it runs, or has ended.
    @discardableResult
    func takeBack(_ id: TaskID, _ complete: () -> Void) -> Bool {
        guard case .pending = state.withLock({ $0.cancel(id) }) else { return false }
        end(complete)
        return true
    }

    /// Completes tasks that do not run and that the state knows no more.
    private func end(count: Int = 1, _ complete: () -> Void) {
        entrance?.leave(count: count)
        complete()
        // It may have been the last thing to wait for, with no thread left to notice.
        for waiter in state.withLock({ $0.takeDrainWaiters() }) { waiter.resume() }
    }

    private func end(_ tasks: [any PooledTask], throwing error: any Error) {
        end(count: tasks.count) { for task in tasks { task.complete(throwing: error) } }
    }

    // MARK: Threads

    private func arrange(_ staffing: ThreadPoolState.Staffing) {
        switch staffing {
        case .enough: break
        case .wake(let parker): parker.unpark()
        case .start(let number): startThread(number)
        }
    }

    private func startThread(_ number: Int) {
        for thread in state.withLock({ $0.takeExited() }) { thread.join() }
        do {
            let name = ThreadName(name, suffix: "-\(number)")
            // Joined by its own account of its end: see `exited` in the state.
            _ = try SystemThread.startJoinable(name: name) { self.runThread() }
        } catch {
            let (stranded, hasJobs) = state.withLock { $0.threadDidNotStart() }
            // Async code that is never resumed would hang for ever, and there is nobody to tell.
            precondition(!hasJobs, "no thread could be started for async code: \(error)")
            let failure = PoolError(.brokenPool, "no thread could be started: \(error)", underlying: error)
            end(stranded, throwing: failure)
        }
    }

    private func runThread() {
        prepareThread()
        let starter = ThreadStarter()
        var wait = AdaptiveWait()
        while true {
            switch state.withLock({ $0.takeWork() }) {
            case .task(let task, let id):
                task.start(id, in: self, on: starter)
            case .job(let job):
                job.run()
                state.withLock { $0.resumeSeeking() }
            case .wait(let parker):
                if Self.sleep(until: parker, &wait, atMost: idleTimeout) { continue }
                guard let afterExit = state.withLock({ $0.retire(parker) }) else { continue }
                return afterExit.carryOut()
            case .exit(let afterExit):
                return afterExit.carryOut()
            }
        }
    }

    /// - Returns: whether there is something to do.
    private static func sleep(
        until parker: ThreadParker,
        _ wait: inout AdaptiveWait,
        atMost timeout: Duration?
    ) -> Bool {
        while !parker.isUnparked, wait.looksAgain() {}
        if parker.isUnparked {
            wait.found()
            return true
        }
        let start = monotonicNanoseconds()
        defer { wait.slept(nanoseconds: monotonicNanoseconds() - start) }
        return parker.park(for: timeout)
    }

    private func prepareThread() {
        guard let initializer, state.withLock({ $0.failure == nil }) else { return }
        do {
            try initializer()
        } catch {
            let failure = PoolError(
                .brokenPool,
                "the initializer of a thread of the pool \"\(name)\" failed: \(error)",
                underlying: error
            )
            let (stranded, idle) = state.withLock { $0.fail(failure) }
            end(stranded, throwing: failure)
            entrance?.close()
            for parker in idle { parker.unpark() }
        }
    }

    // MARK: Cancelling and closing

    func cancel(_ task: TaskID) -> Bool {
        switch state.withLock({ $0.cancel(task) }) {
        case .pending(let task):
            end { task.completeCancelled() }
            return true
        case .running(let task):
            task.requestCancellation()
            return false
        case .unknown:
            return false
        }
    }

    func isRunning(_ task: TaskID) -> Bool {
        state.withLock { $0.isRunning(task) }
    }

    // MARK: Waiting

    /// Who looks whether its task has ended. Others that wait meanwhile do not: the processors are for the pool.
    private struct Looking: ~Copyable {
        var isAtIt = false
        var patience = Patience()

        /// - Returns: how often to look; `nil` if it is not looked.
        mutating func begin() -> Int? {
            guard !isAtIt, case let looks = patience.begin(), looks > 0 else { return nil }
            isAtIt = true
            return looks
        }

        mutating func end(isFound: Bool, tookTooLong: Bool) {
            isAtIt = false
            if tookTooLong { patience.tookTooLong() } else { patience.ended(inVain: !isFound) }
        }
    }

    /// Looks for some 20 µs whether a task has ended: where it is short, that is sooner seen than told.
    func work(until isDone: () -> Bool) -> Bool {
        guard let looks = looking.withLock({ $0.begin() }) else { return false }
        let end = monotonicNanoseconds() + Self.longestLook
        var left = looks
        var tookTooLong = false
        while left > 0, !tookTooLong, !isDone() {
            yieldProcessor()
            left -= 1
            tookTooLong = monotonicNanoseconds() > end
        }
        let isFound = isDone()
        looking.withLock { $0.end(isFound: isFound, tookTooLong: tookTooLong) }
        return isFound
    }

    /// In nanoseconds. It may be the thread of the main actor, or one of the few that all tasks of the program share.
    private static let longestLook: UInt64 = 100_000

    /// Stops taking tasks; those that were taken are run, and the threads end behind them.
    func close(cancelPending: Bool) {
        let (cancelled, idle) = state.withLock { state in
            let idle = state.close()
            return (cancelPending ? state.cancelPending() : [], idle)
        }
        end(count: cancelled.count) { for task in cancelled { task.completeCancelled() } }
        for parker in idle { parker.unpark() }
        entrance?.close()
        timers.close()
        callbacks.close()
    }

    func requestCancellationOfRunning() {
        for task in state.withLock({ $0.runningTasks }) { task.requestCancellation() }
    }

    /// Returns when everything has ended and every thread is gone; only after ``close(cancelPending:)``.
    nonisolated(nonsending) func drain() async {
        await withUnsafeContinuation { continuation in
            // Resumed once: here if it was not stored, else by the last thread, which takes it out of the state.
            if !state.withLock({ $0.waitUntilDrained(continuation) }) { continuation.resume() }
        }
        // They have given up their last lock, so this takes no longer than a thread needs to end.
        for thread in state.withLock({ $0.takeExited() }) { thread.join() }
        // In this order: what ends by a timer may have callbacks.
        await timers.drain()
        await callbacks.drain()
    }
}

extension ThreadPoolState.AfterExit {
    func carryOut() {
        for continuation in drained { continuation.resume() }
    }
}
