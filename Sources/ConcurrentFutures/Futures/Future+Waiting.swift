import Synchronization

extension Future {
    /// The value of the task, once it has ended.
    ///
    /// It stays on the caller's executor: of a finished future it costs some nanoseconds. If the task that awaits it is
    /// cancelled, the waiting ends with `CancellationError` and the work goes on; whether the work was cancelled says
    /// ``isCancelled``.
    ///
    /// - Throws: What the task's function threw, `CancellationError`, or a ``PoolError``.
    public nonisolated(nonsending) var value: Value {
        get async throws {
            try await result.get()
        }
    }

    /// The value of the task or the error it ended with, once it has ended.
    ///
    /// If the task that awaits it is cancelled, it is a failure with `CancellationError`, and the work goes on.
    public nonisolated(nonsending) var result: Result<Value, any Error> {
        get async {
            while true {
                switch machine.withLock({ $0.claim() }) {
                case .useOutcome: return outcome
                case .decode(let bytes): return decode(bytes)
                case .wait(let ticket):
                    guard case .lookAgain = await suspend(ticket) else { return .failure(CancellationError()) }
                }
            }
        }
    }

    /// Blocks the thread until the task has ended, and returns its value.
    ///
    /// It is for programs without `async`. The thread polls for some 50 µs before it sleeps, so that a short task is not
    /// paid for with a wake-up.
    ///
    /// - Parameter timeout: How long to wait at most; `nil` is for ever, and `.zero` only looks.
    /// - Throws: What the task's function threw, `CancellationError`, or a ``PoolError``: with the code
    ///   ``PoolError/Code/timedOut`` if the time has passed. The work goes on then.
    @available(*, noasync)
    public func get(timeout: Duration? = nil) throws -> Value {
        let start = SuspendingClock.now
        let deadline = timeout.map { start + max(.zero, $0) }
        let pollTime = Duration.microseconds(50)
        let pollEnd = start + min(pollTime, timeout ?? pollTime)
        while true {
            switch machine.withLock({ $0.claim() }) {
            case .useOutcome: return try outcome.get()
            case .decode(let bytes): return try decode(bytes).get()
            case .wait:
                let now = SuspendingClock.now
                if now < pollEnd {
                    ThreadParker.yieldProcessor()
                } else if let deadline, now >= deadline {
                    throw PoolError(.timedOut, "the future was not done within \(deadline - start)")
                } else {
                    block(for: deadline.map { $0 - now })
                }
            }
        }
    }

    /// Sleeps until there is something to claim, or the time has passed.
    private func block(for duration: Duration?) {
        let parker = ThreadParker()
        guard machine.withLock({ $0.enqueue(.thread(parker)) }) else { return }
        if !parker.park(for: duration) {
            // If it is not there any more, it is about to be unparked, and perhaps chosen to decode: the caller claims again.
            _ = machine.withLock { $0.removeThread(parker) }
        }
    }

    nonisolated(nonsending) private func suspend(_ ticket: UInt32) async -> FutureWaiter.Wakeup {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                // The continuation is resumed once: here if it is not stored, else by whoever takes it out of the machine.
                // A task is marked as cancelled before its handler runs. So a cancellation that is not seen here, with
                // the lock held, has its handler take the lock later, and find the waiter.
                let wakeup = machine.withLock { machine -> FutureWaiter.Wakeup? in
                    if Task.isCancelled { return .cancelled }
                    return machine.enqueue(.task(continuation, ticket: ticket)) ? nil : .lookAgain
                }
                if let wakeup { continuation.resume(returning: wakeup) }
            }
        } onCancel: {
            machine.withLock { $0.removeTask(ticket: ticket) }?.wake(.cancelled)
        }
    }

    /// Decodes the outcome, which the machine has asked this thread and no other to do.
    private func decode(_ bytes: [UInt8]) -> Result<Value, any Error> {
        guard case .undecided(let decoder?) = contents else {
            preconditionFailure("bytes were given to a future that has no decoder")
        }
        let result = decoder.decode(bytes)
        let waiters = machine.withLock { machine in
            contents = .outcome(result)
            return machine.finishDecoding()
        }
        waiters.wakeAll()
        return result
    }
}

extension Future {
    /// Has the queue told when the future is done.
    ///
    /// - Returns: `false` if it is done, and the queue will hear nothing.
    func report(to queue: CompletionQueue, position: Int) -> Bool {
        machine.withLock { $0.enqueue(queue, position: position) }
    }

    /// Takes back what ``report(to:position:)`` asked for.
    func stopReporting(to queue: CompletionQueue) {
        _ = machine.withLock { $0.removeQueue(queue) }
    }
}
