import Synchronization

/// The outcome of a task that an executor runs, now or later.
///
/// A future is a handle, as `Task` is: dropping it cancels nothing. Get one from `submit`, and await its ``value``:
///
/// ```swift
/// let future = pool.submit(square, 5)
/// print(try await future.value)
/// ```
///
/// A task that throws, crashes, runs out of time or cannot be submitted at all reports that here and nowhere else. Two futures
/// are equal if they are the same one, so a future can be the key of a dictionary.
///
/// Everything here may be called from any thread. A future is one allocation, and a second one for a value of more than two words; asking for its state or for the value of a
/// finished one takes an uncontended lock.
public final class Future<Value: Sendable>: Sendable {
    // Written by the executor that made the future, before another thread can see it, and never again.
    nonisolated(unsafe) private(set) var task: TaskID

    let machine: Mutex<FutureStateMachine>

    // These two are outside the mutex so that its contents are not generic: unspecialised generic code under the lock was
    // measured at ten times the cost. The machine says whose they are. The reader is set with the lock held, and used and erased by the one who
    // decodes. The value is written once, with the lock held or by the one who decodes, before the machine says that the
    // future has succeeded; it is read after that. No access can overlap another, so none is checked.
    @exclusivity(unchecked) nonisolated(unsafe) var reader: OutcomeReader?
    @usableFromInline @exclusivity(unchecked) nonisolated(unsafe) var success = ValueSlot()

    /// Creates a pending future.
    ///
    /// - Parameters:
    ///   - task: The executor's number for it; if it is not known yet, ``assign(task:)`` sets it.
    ///   - control: The executor's side, which the future holds until it is done.
    required init(task: TaskID = 0, control: any TaskControl) {
        self.task = task
        machine = Mutex(FutureStateMachine(control: control))
    }

    /// Creates a future that is finished, of a task that was refused.
    ///
    /// Not of a `Result`, whose type would be looked up by each submit for the case that the task is refused.
    convenience init(failed error: any Error) {
        self.init(machine: FutureStateMachine(failed: error))
    }

    /// Creates a future of a task that was cancelled before anybody took it.
    static func cancelled() -> Future {
        Future(machine: FutureStateMachine.cancelled)
    }

    private init(machine: FutureStateMachine) {
        task = 0
        self.machine = Mutex(machine)
    }

    deinit {
        if let place = machine.withLock({ $0.placeOfValue }) { success.empty(of: Value.self, in: place) }
    }

    /// Sets the executor's number for the task, before the future is handed to anyone.
    func assign(task: TaskID) {
        self.task = task
    }

    // MARK: State

    /// Whether the task has ended: with a value, with an error, or cancelled.
    public var isDone: Bool {
        machine.withLock { $0.isDone }
    }

    /// Whether the task is being executed now.
    public var isRunning: Bool {
        status == .running
    }

    /// Whether the task has ended by being cancelled.
    ///
    /// A task that threw `CancellationError` of its own accord has failed, and was not cancelled.
    public var isCancelled: Bool {
        machine.withLock { $0.isCancelled }
    }

    /// Cancels the task, if it can still be cancelled.
    ///
    /// A task that has not started never runs, and the future fails with `CancellationError` at once. One that runs is asked to stop, as
    /// `Task.cancel()` does. In a process pool its worker is sent SIGTERM after half of ``ProcessPoolOptions/gracePeriod`` and SIGKILL at its end,
    /// its result is dropped, and the future fails with `CancellationError` when it has stopped. In a thread pool the outcome is the function's own.
    ///
    /// - Returns: Whether the outcome is, or will be, a cancellation. It is `false` of a future that has finished.
    @discardableResult
    public func cancel() -> Bool {
        // Called without the lock, because the executor completes the future from inside.
        guard let control = machine.withLock({ $0.control }) else { return isCancelled }
        // Another thread may have been faster, and the executor know nothing of the task any more.
        return control.cancel(task) || isCancelled
    }

    enum Status: Hashable, Sendable {
        case pending, running, finished, cancelled
    }

    /// One consistent picture: the state at some moment between call and return.
    var status: Status {
        var isRunning = false
        if let control = machine.withLock({ $0.control }) {
            isRunning = control.isRunning(task)
        }
        // Read last. If it is not done now, it was not done when the executor was asked, so the answer is from one moment.
        return machine.withLock { machine in
            guard machine.isDone else { return isRunning ? .running : .pending }
            return machine.isCancelled ? .cancelled : .finished
        }
    }
}

extension Future: Hashable {
    /// Whether both are the same future.
    public static func == (left: Future, right: Future) -> Bool {
        left === right
    }

    /// Hashes the future's identity.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(self))
    }
}

extension Future: CustomStringConvertible {
    /// The state of the future, and its outcome once there is one: `Future(finished: 25)`.
    ///
    /// A value that came from another process and that nobody has asked for is not decoded for this: `Future(finished)`.
    public var description: String {
        switch status {
        case .pending: return "Future(pending)"
        case .running: return "Future(running)"
        case .cancelled: return "Future(cancelled)"
        case .finished:
            switch machine.withLock({ $0.settlement }) {
            case nil: return "Future(finished)"
            case .succeeded(let place): return "Future(finished: \(value(in: place)))"
            case .failed(let error): return "Future(failed: \(error))"
            }
        }
    }
}
