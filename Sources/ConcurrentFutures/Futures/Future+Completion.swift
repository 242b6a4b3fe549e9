// The executor's side of a future, and the callbacks that its completion sets off.

extension Future {
    /// Ends the future with an outcome.
    ///
    /// Wakes who waits, then runs or schedules the callbacks.
    ///
    /// - Returns: `false` if the future had ended before, which is a defect of the caller; nothing has changed then.
    @discardableResult
    func complete(_ result: Result<Value, any Error>) -> Bool {
        complete(.finished, with: result)
    }

    /// Ends the future as cancelled.
    ///
    /// - Returns: As ``complete(_:)`` does.
    @discardableResult
    func completeCancelled() -> Bool {
        complete(.cancelled, with: .failure(CancellationError()))
    }

    /// Ends the future with the bytes of an outcome, which are decoded by the first who needs it.
    ///
    /// - Returns: As ``complete(_:)`` does.
    @discardableResult
    func complete(encoded bytes: [UInt8]) -> Bool {
        guard let action = machine.withLock({ $0.complete(.encoded(bytes)) }) else { return false }
        carryOut(action)
        return true
    }

    /// Runs a function when the future has ended, however it did.
    ///
    /// The callbacks of a future run one at a time, in the order in which they were added. Those of a process pool run on a
    /// thread that the pool has for them, so one that blocks delays other callbacks but no task; those of the other
    /// executors run on the thread that ran the task. A callback that is added when all others have run is run at once, by this call.
    ///
    /// - Parameter body: Called once, with this future.
    public func onCompletion(_ body: @escaping @Sendable (Future<Value>) -> Void) {
        let isAdded = machine.withLock { machine in
            // The machine hands a callback nothing but the future it belongs to.
            machine.addCallback { body(unsafeDowncast($0, to: Future<Value>.self)) }
        }
        if !isAdded { body(self) }
    }

    private func complete(_ ending: FutureStateMachine.Ending, with result: Result<Value, any Error>) -> Bool {
        // The decoder that the outcome replaces comes out too, to be released without the lock.
        let change = machine.withLock { machine -> (action: FutureStateMachine.CompleteAction, previous: Contents)? in
            guard let action = machine.complete(ending) else { return nil }
            defer { contents = .outcome(result) }
            return (action, contents)
        }
        guard let change else { return false }
        carryOut(change.action)
        return true
    }

    private func carryOut(_ action: FutureStateMachine.CompleteAction) {
        action.waiters.wakeAll()
        switch action.callbacks {
        case .nothing: break
        case .run: runCallbacks()
        case .schedule(let scheduler): scheduler.schedule { self.runCallbacks() }
        }
    }

    private func runCallbacks() {
        while true {
            let callbacks = machine.withLock { $0.takeCallbacks() }
            if callbacks.isEmpty { return }
            for callback in callbacks { callback(self) }
        }
    }
}
