import Synchronization

/// The threads of a ``ThreadPoolExecutor`` and their work. It lives until the last of them has ended, also when nobody holds the
/// executor any more.
final class ThreadPoolCore: TaskControl, TaskExecutor {
    let name: String
    let maxWorkers: Int
    private let idleTimeout: Duration
    private let initializer: (@Sendable () throws -> Void)?
    private let callbacks: CallbackThread
    private let state: Mutex<ThreadPoolState>

    init(maxWorkers: Int, idleTimeout: Duration, name: String, initializer: (@Sendable () throws -> Void)?) {
        self.maxWorkers = maxWorkers
        self.idleTimeout = idleTimeout
        self.name = name
        self.initializer = initializer
        callbacks = CallbackThread(name: name)
        state = Mutex(ThreadPoolState(maxWorkers: maxWorkers))
    }

    deinit {
        // One of them may be the thread that runs this.
        for thread in state.withLock({ $0.takeExited() }) { thread.detach() }
    }

    // MARK: Work

    func submit<Output: Sendable>(_ function: PooledFunction<Output>) -> Future<Output> {
        let future = Future<Output>(control: self, callbacks: callbacks)
        let task = PooledTaskOf(function, future: future)
        let staffing = state.withLock { state -> Result<ThreadPoolState.Staffing, PoolError> in
            if let refusal = state.refusal { return .failure(refusal) }
            future.assign(task: state.nextTask)
            return .success(state.add(task))
        }
        switch staffing {
        case .success(let staffing): arrange(staffing)
        case .failure(let refusal): task.complete(throwing: refusal)
        }
        return future
    }

    func enqueue(_ job: consuming ExecutorJob) {
        enqueue(PooledJob(job: UnownedJob(job), executor: asUnownedTaskExecutor()))
    }

    func enqueue(_ job: PooledJob) {
        arrange(state.withLock { $0.add(job) })
    }

    func taskEnded(_ id: TaskID, isAsync: Bool) {
        arrange(state.withLock { $0.finish(id, isAsync: isAsync) })
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
            let name = SystemThread.fittingName(name, suffix: "-\(number)")
            // Joined by its own account of its end: see `exited` in the state.
            _ = try SystemThread.startJoinable(name: name) { self.runThread() }
        } catch {
            let (stranded, hasJobs) = state.withLock { $0.threadDidNotStart() }
            // Async code that is never resumed would hang for ever, and there is nobody to tell.
            precondition(!hasJobs, "no thread could be started for async code: \(error)")
            let failure = PoolError(.brokenPool, "no thread could be started: \(error)", underlying: error)
            for task in stranded { task.complete(throwing: failure) }
        }
    }

    private func runThread() {
        prepareThread()
        let starter = ThreadStarter()
        while true {
            switch state.withLock({ $0.takeWork() }) {
            case .task(let task, let id):
                task.start(id, in: self, on: starter)
            case .job(let job):
                job.run()
                state.withLock { $0.resumeSeeking() }
            case .wait(let parker):
                if parker.park(for: idleTimeout) { continue }
                guard let afterExit = state.withLock({ $0.retire(parker) }) else { continue }
                return afterExit.carryOut()
            case .exit(let afterExit):
                return afterExit.carryOut()
            }
        }
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
            for task in stranded { task.complete(throwing: failure) }
            for parker in idle { parker.unpark() }
        }
    }

    // MARK: Cancelling and closing

    func cancel(_ task: TaskID) -> Bool {
        switch state.withLock({ $0.cancel(task) }) {
        case .pending(let task):
            task.completeCancelled()
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

    /// Stops taking tasks; those that were taken are run, and the threads end behind them.
    func close(cancelPending: Bool) {
        let (cancelled, idle) = state.withLock { state in
            let idle = state.close()
            return (cancelPending ? state.takeAllPending() : [], idle)
        }
        for task in cancelled { task.completeCancelled() }
        for parker in idle { parker.unpark() }
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
        await callbacks.drain()
    }
}

extension ThreadPoolState.AfterExit {
    func carryOut() {
        for continuation in drained { continuation.resume() }
    }
}
