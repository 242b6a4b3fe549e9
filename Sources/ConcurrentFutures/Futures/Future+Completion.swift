// The executor's side of a future, and the callbacks that its completion sets off.

extension Future {
    /// Ends the future with a value.
    ///
    /// Wakes who waits, then runs or schedules the callbacks.
    ///
    /// - Returns: `false` if the future had ended before, which is a defect of the caller; nothing has changed then.
    @discardableResult
    func complete(returning value: Value) -> Bool {
        let action = machine.withLock { machine in
            let place = ValueSlot.place(for: Value.self)
            let action = machine.complete(.settled(.succeeded(place)))
            if action != nil { success.put(value, in: place) }
            return action
        }
        return carryOut(action)
    }

    /// Ends the future with an error.
    ///
    /// - Returns: As ``complete(returning:)`` does.
    @discardableResult
    func complete(throwing error: any Error) -> Bool {
        carryOut(machine.withLock { $0.complete(.settled(.failed(error))) })
    }

    /// Ends the future with a value or an error.
    ///
    /// - Returns: As ``complete(returning:)`` does.
    @discardableResult
    func complete(_ result: Result<Value, any Error>) -> Bool {
        switch result {
        case .success(let value): complete(returning: value)
        case .failure(let error): complete(throwing: error)
        }
    }

    /// Ends the future as cancelled.
    ///
    /// - Returns: As ``complete(returning:)`` does.
    @discardableResult
    func completeCancelled() -> Bool {
        carryOut(machine.withLock { $0.complete(.cancelled) })
    }

    /// Ends the future with the bytes of an outcome, which are read by the first who needs it.
    ///
    /// - Parameter reader: reads outcomes of the future's type.
    /// - Returns: As ``complete(returning:)`` does.
    @discardableResult
    func complete(encoded bytes: Payload, by reader: OutcomeReader) -> Bool {
        let action = machine.withLock { machine in
            let action = machine.complete(.encoded(bytes))
            if action != nil { self.reader = reader }
            return action
        }
        return carryOut(action)
    }

    /// Runs a function when the future has ended, however it did.
    ///
    /// The callbacks of a future run one at a time, in the order in which they were added. Those of a pool run on a thread
    /// that the pool has for them, so one that blocks delays other callbacks but no task; those of an ``InlineExecutor`` run
    /// where the task ended. A callback that is added when all others have run is run at once, by this call.
    ///
    /// If the system gives a pool no thread for its callbacks, they run where the task ended, too, or where its end is
    /// noticed: that is better than never. One that blocks then delays other tasks of the pool as well.
    ///
    /// - Parameter body: Called once, with this future.
    public func onCompletion(_ body: @escaping @Sendable (Future<Value>) -> Void) {
        let isAdded = machine.withLock { machine in
            // The machine hands a callback nothing but the future it belongs to.
            machine.addCallback { body(unsafeDowncast($0, to: Future<Value>.self)) }
        }
        if !isAdded { body(self) }
    }

    private func carryOut(_ action: FutureStateMachine.CompleteAction?) -> Bool {
        guard let action else { return false }
        if !action.waiters.isEmpty {
            action.control.noteWait()
            action.waiters.wakeAll()
        }
        switch action.callbacks {
        case .nothing: break
        case .run:
            action.control.noteWait()
            guard let scheduler = action.control.callbackScheduler else {
                runCallbacks()
                break
            }
            scheduler.schedule { self.runCallbacks() }
        }
        return true
    }

    private func runCallbacks() {
        while true {
            let callbacks = machine.withLock { $0.takeCallbacks() }
            if callbacks.isEmpty { return }
            for callback in callbacks { callback(self) }
        }
    }
}
