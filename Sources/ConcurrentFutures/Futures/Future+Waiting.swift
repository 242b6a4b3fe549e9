import Synchronization

/// How far one who needs a value has come. (Nested in a generic type it would be generic.)
private enum FutureProgress {
    case settled(FutureStateMachine.Settlement)
    case wait(ticket: UInt32)
}

extension Future {
    /// The value of the task, once it has ended.
    ///
    /// It stays on the caller's executor: of a finished future it costs some nanoseconds. Of one that is pending the thread first looks for a moment, for some 20 µs, whether it ends, letting other threads run
    /// in between; of a process pool it takes workers' replies meanwhile, where there are many for up to about 100 µs, rather than wait for a thread that does. If the task that awaits it is
    /// cancelled, the waiting ends with `CancellationError` and the work goes on; whether the work was cancelled says
    /// ``isCancelled``.
    ///
    /// - Throws: What the task's function threw, `CancellationError`, or a ``PoolError``.
    @inlinable
    public nonisolated(nonsending) var value: Value {
        get async throws {
            let place = try await settle()
            return value(in: place)
        }
    }

    /// The value, of a future that has one.
    @inlinable
    func value(in place: ValueSlot.Place) -> Value {
        // The slot is bits, of which nobody knows that they live as long as the future: without this it may be let go of before the value is copied.
        withExtendedLifetime(self) { success.value(as: Value.self, in: place) }
    }

    /// The value of the task or the error it ended with, once it has ended.
    ///
    /// If the task that awaits it is cancelled, it is a failure with `CancellationError`, and the work goes on.
    public nonisolated(nonsending) var result: Result<Value, any Error> {
        get async {
            do { return .success(try await value) } catch { return .failure(error) }
        }
    }

    /// Blocks the thread until the task has ended, and returns its value.
    ///
    /// It is for programs without `async`. The thread polls for some 50 µs before it sleeps, so that a short task is not
    /// paid for with a wake-up; of a process pool it takes workers' replies meanwhile. It may be 150 µs, also with a shorter timeout.
    ///
    /// - Parameter timeout: How long to wait at most; `nil` is for ever, and `.zero` only looks.
    /// - Throws: What the task's function threw, `CancellationError`, or a ``PoolError``: with the code
    ///   ``PoolError/Code/timedOut`` if the time has passed. The work goes on then.
    @inlinable
    @available(*, noasync)
    public func get(timeout: Duration? = nil) throws -> Value {
        let place = try blockUntilSettled(timeout: timeout)
        return value(in: place)
    }

    // The callers of these two are inlined into the user's module, where the value's type is known, and alone touch the
    // value: copying one of an unknown type was measured at three times the cost of all the rest.

    /// Returns when there is a value, and throws if there is an error instead.
    ///
    /// - Returns: where the value is.
    @usableFromInline
    nonisolated(nonsending) func settle() async throws -> ValueSlot.Place {
        var mayHelp = true
        while true {
            switch advance() {
            case .settled(.succeeded(let place)): return place
            case .settled(.failed(let error)): throw error
            case .wait where mayHelp:
                mayHelp = false
                _ = helpExecutor()
            case .wait(let ticket):
                guard case .lookAgain = await suspend(ticket) else { throw CancellationError() }
            }
        }
    }

    @usableFromInline
    func blockUntilSettled(timeout: Duration?) throws -> ValueSlot.Place {
        let start = SuspendingClock.now
        let deadline = timeout.map { start + max(.zero, $0) }
        let pollTime = Duration.microseconds(50)
        let pollEnd = start + min(pollTime, timeout ?? pollTime)
        while true {
            switch advance() {
            case .settled(.succeeded(let place)): return place
            case .settled(.failed(let error)): throw error
            case .wait:
                let now = SuspendingClock.now
                if now < pollEnd {
                    if !helpExecutor() { yieldProcessor() }
                } else if let deadline, now >= deadline {
                    throw PoolError(.timedOut, "the future was not done within \(deadline - start)")
                } else {
                    block(for: deadline.map { $0 - now })
                }
            }
        }
    }

    /// Has this thread work for the executor for a moment, rather than wait for a thread that does.
    ///
    /// - Returns: whether the task has ended.
    private func helpExecutor() -> Bool {
        guard let control = machine.withLock({ $0.control }) else { return false }
        return control.work { isDone }
    }

    /// Gets as far as it goes without waiting.
    private func advance() -> FutureProgress {
        switch machine.withLock({ $0.claim() }) {
        case .settled(let settlement): .settled(settlement)
        case .decode(let bytes): .settled(decode(bytes))
        case .wait(let ticket): .wait(ticket: ticket)
        }
    }

    /// Sleeps until there is something to claim, or the time has passed.
    private func block(for duration: Duration?) {
        let parker = ThreadParker()
        guard machine.withLock({ $0.enqueue(.thread(parker)) }) else { return }
        if !parker.park(for: duration) {
            // If it is not there any more, it is about to be unparked. The caller looks again either way.
            _ = machine.withLock { $0.removeThread(parker) }
        }
    }

    nonisolated(nonsending) private func suspend(_ ticket: UInt32) async -> FutureWaiter.Wakeup {
        await withCancellationHandler {
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

    /// Returns when the task has ended, also if the task that waits is cancelled.
    nonisolated(nonsending) func waitUntilDone() async {
        while !isDone {
            _ = await withUnsafeContinuation { (continuation: UnsafeContinuation<FutureWaiter.Wakeup, Never>) in
                // Resumed once: here if it is not stored, else by whoever takes it out of the machine. Nobody looks for its ticket.
                let isStored = machine.withLock { $0.enqueue(.task(continuation, ticket: 0)) }
                if !isStored { continuation.resume(returning: .lookAgain) }
            }
        }
    }

    /// Decodes the outcome, which the machine has asked this thread and no other to do.
    private func decode(_ bytes: Payload) -> FutureStateMachine.Settlement {
        guard let reader else { preconditionFailure("bytes were given to a future without one who reads them") }
        let settlement = reader.read(bytes, into: self)
        self.reader = nil
        machine.withLock { $0.finishDecoding(settlement) }.wakeAll()
        return settlement
    }
}
