/// A task that has time limits, or may be tried again.
///
/// Its calls run one by one. With a timeout each runs in a `Task` of its own: who is asked to stop stays asked, and those behind it in
/// the batch must not be. What fails and may be retried is run again in the next attempt at the task, together with what else of the batch
/// failed; between attempts the task waits in the pool's state and holds no thread.
final class LimitedTask<Body: LocalBody>: PooledTask {
    /// How far one of the calls has come.
    private enum Item {
        /// - Parameter failures: what the attempts so far failed with.
        case open(failures: [any Error])
        case ended(Result<Body.ItemOutput, any Error>)

        var isOpen: Bool { if case .open = self { true } else { false } }
    }

    let isAsync: Bool
    private let future: Future<Body.Output>
    private let options: TaskOptions
    private let limits: TaskLimits
    private let timers: ServiceThread
    /// For the whole life of the task.
    private let deadlineTimer: ServiceTimer?
    private let stop = StopRequest()

    // These are read and written by whom the pool's state has given the task to: the thread that runs it, or who takes it back from
    // those that do not run. The body is erased before the future completes, so that who hears of the end finds the arguments gone.
    @exclusivity(unchecked) nonisolated(unsafe) private var body: Body?
    @exclusivity(unchecked) nonisolated(unsafe) private var items: [Item]
    @exclusivity(unchecked) nonisolated(unsafe) private var attempts = 0
    @exclusivity(unchecked) nonisolated(unsafe) private var duration = Duration.zero
    @exclusivity(unchecked) nonisolated(unsafe) private var retryTimer: ServiceTimer?

    init(_ body: Body, limits: TaskLimits, options: TaskOptions, future: Future<Body.Output>, timers: ServiceThread) {
        self.body = body
        self.limits = limits
        self.options = options
        self.future = future
        self.timers = timers
        isAsync = body.isAsync
        items = Array(repeating: .open(failures: []), count: body.itemCount)
        deadlineTimer = limits.deadlineInstant == 0 ? nil : ServiceTimer()
    }

    /// Has the task ended, or asked to stop, at its deadline; called once the pool's state knows it.
    func setDeadline(in core: ThreadPoolCore) {
        guard let deadlineTimer else { return }
        timers.set(deadlineTimer, at: limits.deadlineInstant) {
            let isTaken = core.takeBack(self.future.task) {
                let stage: TaskOptions.StageAtDeadline = self.attempts == 0 ? .notStarted : .betweenAttempts
                self.complete(throwing: self.options.deadlinePassed(stage))
            }
            if !isTaken { self.requestCancellation() }
        }
    }

    // MARK: Running

    func start(_ id: TaskID, in core: ThreadPoolCore, on starter: ThreadStarter) {
        guard let body else { preconditionFailure("a task was started that has ended") }
        attempts += 1
        let start = ContinuousClock.now
        if isAsync {
            Task(executorPreference: core) {
                for leg in self.legs { await self.run(leg, of: body, in: core) }
                self.attemptEnded(after: .now - start, id, in: core)
            }
        } else {
            for leg in legs { run(leg, of: body, on: starter) }
            attemptEnded(after: .now - start, id, in: core)
        }
    }

    /// The calls that are to be made, those together that share a `Task`.
    private var legs: [[Int]] {
        let open = items.indices.filter { items[$0].isOpen }
        return limits.timeout == nil ? [open] : open.map { [$0] }
    }

    private func run(_ leg: [Int], of body: Body, on starter: ThreadStarter) {
        let attempt = Attempt(number: attempts, options: options, limits: limits)
        let task = Task(executorPreference: starter) {
            for index in leg where self.mayRun(index) {
                self.note(Result { try body.runItem(index) }, of: index, in: attempt)
            }
        }
        let timer = begin(task, attempt)
        starter.runStartedJob()
        timers.cancel(timer)
    }

    private func run(_ leg: [Int], of body: Body, in core: ThreadPoolCore) async {
        let attempt = Attempt(number: attempts, options: options, limits: limits)
        let task = Task(executorPreference: core) {
            for index in leg where self.mayRun(index) {
                let result: Result<Body.ItemOutput, any Error>
                do { result = .success(try await body.runItemAsync(index)) } catch { result = .failure(error) }
                self.note(result, of: index, in: attempt)
            }
        }
        let timer = begin(task, attempt)
        await task.value
        timers.cancel(timer)
    }

    private func begin(_ task: Task<Void, Never>, _ attempt: Attempt) -> ServiceTimer? {
        stop.begin(task)
        guard let instant = attempt.stopInstant else { return nil }
        let timer = ServiceTimer()
        // The function's cancellation handlers run on the timers' thread. Elsewhere they would have to wait for a thread to be free, which
        // none may be: those of the pool are there to be blocked.
        timers.set(timer, at: instant) { task.cancel() }
        return timer
    }

    /// Whether a call is to be made still; if not, it has ended.
    private func mayRun(_ index: Int) -> Bool {
        guard case .open(let failures) = items[index] else { preconditionFailure("a call was made after it had ended") }
        if limits.deadlineHasPassed(at: monotonicNanoseconds()) {
            let stage: TaskOptions.StageAtDeadline = attempts > 1 ? .betweenAttempts : .notStarted
            items[index] = .ended(.failure(failure(options.deadlinePassed(stage), after: failures)))
            return false
        }
        // The only call of a task that counts as running is made, and finds itself asked to stop: its outcome is the task's.
        if items.count > 1, stop.isRequested {
            items[index] = .ended(.failure(CancellationError()))
            return false
        }
        return true
    }

    private func note(_ result: Result<Body.ItemOutput, any Error>, of index: Int, in attempt: Attempt) {
        guard case .open(let failures) = items[index] else { preconditionFailure("a call has ended twice") }
        let verdict = attempt.verdict(previous: failures) {
            if case .failure(let error) = result { error } else { nil }
        }
        switch verdict {
        case .stands: items[index] = .ended(result)
        case .replaced(let error): items[index] = .ended(.failure(error))
        case .mayRetry(let error):
            var failures = failures
            failures.appendFailure(error)
            items[index] = .open(failures: failures)
        }
    }

    // MARK: Ending

    private func attemptEnded(after time: Duration, _ id: TaskID, in core: ThreadPoolCore) {
        duration += time
        if items.contains(where: \.isOpen), !stop.isRequested, waitForRetry(id, in: core) { return }
        let outcome = takeOutcome(default: nil)
        core.taskEnded(id, isAsync: isAsync)
        future.complete(outcome)
    }

    /// Waits for the next attempt, in the pool's state; `false` if the pool is to make no further ones.
    private func waitForRetry(_ id: TaskID, in core: ThreadPoolCore) -> Bool {
        let delay = limits.retry?.delay(afterAttempt: attempts) ?? 0
        let timer = delay > 0 ? ServiceTimer() : nil
        retryTimer = timer
        guard core.suspend(id, isAsync: isAsync) else { return false }
        // From here on the task is another's who takes it out of the state, perhaps to run it.
        if let timer {
            timers.set(timer, at: monotonicNanoseconds() + delay) { core.resume(id) }
        } else {
            core.resume(id)
        }
        // Who asked it to stop after it had ended and before it waited has found it running. It must not wait for long.
        if stop.isRequested {
            core.takeBack(id) { self.completeStopped() }
        }
        return true
    }

    /// Ends a task that was asked to stop while it ran, but was found between two attempts.
    private func completeStopped() {
        let isLate = limits.deadlineHasPassed(at: monotonicNanoseconds())
        future.complete(takeOutcome(default: isLate ? options.deadlinePassed(.betweenAttempts) : nil))
    }

    func requestCancellation() {
        stop.request()
    }

    func completeCancelled() {
        _ = takeOutcome(default: nil)
        future.completeCancelled()
    }

    func complete(throwing error: any Error) {
        future.complete(takeOutcome(default: error))
    }

    /// Lets go of what the task holds.
    ///
    /// - Parameter error: how calls end that have not; by default with the failure of their last attempt.
    /// - Returns: The outcome of all calls.
    private func takeOutcome(default error: (any Error)?) -> Result<Body.Output, any Error> {
        timers.cancel(deadlineTimer)
        timers.cancel(retryTimer)
        let outcomes = items.map { item -> Result<Body.ItemOutput, any Error> in
            switch item {
            case .ended(let outcome):
                return outcome
            case .open(var failures):
                guard let last = error ?? failures.popLast() else { return .failure(CancellationError()) }
                return .failure(failure(last, after: failures))
            }
        }
        (body, items, retryTimer) = (nil, [], nil)
        return Result { try Body.output(of: outcomes, duration: duration) }
    }
}
