/// The life of a future, without its lock and its value: events in, what to do out.
///
/// It does not depend on the type of the value, so that it is compiled once and costs no generic code. Whoever calls it
/// holds the future's lock, and carries out what it answers after letting go of it. That includes releasing what the
/// answers hold, because the last reference to an executor or to a callback may run anything.
///
/// ```
/// pending ──▶ encoded ──▶ decoding ──▶ settled
///    │                                    ▲
///    ├────────────────────────────────────┘
///    └──▶ cancelled
/// ```
struct FutureStateMachine: Sendable {
    /// Takes the future, whose type is not known here.
    typealias Callback = @Sendable (AnyObject) -> Void

    /// An outcome without the value, which the future holds.
    enum Settlement {
        case succeeded(ValueSlot.Place)
        case failed(any Error)
    }

    private enum Phase {
        case pending(any TaskControl)
        case encoded(Payload)
        case decoding
        case settled(Settlement)
        case cancelled
    }

    // Most futures have no callback, so a list is not worth a place in each.
    private enum Callbacks {
        case none
        case collected([Callback])
        /// Somebody runs the earlier ones, and will come back for these.
        case running(next: [Callback])
        case ran
    }

    private var phase: Phase
    private var waiters = FutureWaiters.none
    // Here it fills a gap; most of a queued task's memory is its future.
    private var lastTicket: UInt32 = 0
    private var callbacks: Callbacks

    init(control: any TaskControl) {
        phase = .pending(control)
        callbacks = .none
    }

    /// The life of a future that was born finished, with an error.
    init(failed error: any Error) {
        self.init(phase: .settled(.failed(error)))
    }

    /// The life of a future that was born cancelled.
    static var cancelled: FutureStateMachine { FutureStateMachine(phase: .cancelled) }

    private init(phase: Phase) {
        self.phase = phase
        callbacks = .ran
    }

    var isDone: Bool {
        if case .pending = phase { false } else { true }
    }

    var isCancelled: Bool {
        if case .cancelled = phase { true } else { false }
    }

    /// Where the future's value is, if it has one.
    var placeOfValue: ValueSlot.Place? {
        if case .settled(.succeeded(let place)) = phase { place } else { nil }
    }

    /// The outcome, if it is there and decoded.
    var settlement: Settlement? {
        switch phase {
        case .pending, .encoded, .decoding: nil
        case .settled(let settlement): settlement
        case .cancelled: .failed(CancellationError())
        }
    }

    /// The executor's side, as long as it has a say.
    var control: (any TaskControl)? {
        if case .pending(let control) = phase { control } else { nil }
    }

    // MARK: Completion

    enum Ending {
        case settled(Settlement)
        case encoded(Payload)
        case cancelled
    }

    enum CallbackAction {
        case nothing
        case run
    }

    struct CompleteAction {
        let control: any TaskControl
        let waiters: FutureWaiters
        let callbacks: CallbackAction
    }

    /// The answer is `nil` if the future had ended already; then nothing has changed.
    mutating func complete(_ ending: Ending) -> CompleteAction? {
        guard case .pending(let control) = phase else { return nil }
        switch ending {
        case .settled(let settlement): phase = .settled(settlement)
        case .cancelled: phase = .cancelled
        case .encoded(let bytes): phase = .encoded(bytes)
        }
        // All are woken for bytes too, though one will decode them and the others wait again. One chosen here might be
        // unable to run: a task on an actor that is kept busy by another of them, which blocks.
        return CompleteAction(control: control, waiters: waiters.removeAll(), callbacks: startCallbacks())
    }

    /// Ends the decoding that ``claim()`` asked for, and answers who waited for it.
    mutating func finishDecoding(_ settlement: Settlement) -> FutureWaiters {
        guard case .decoding = phase else { preconditionFailure("an outcome was decoded that nobody had claimed") }
        phase = .settled(settlement)
        return waiters.removeAll()
    }

    // MARK: Waiting

    enum ClaimAction {
        case settled(Settlement)
        /// The caller is the one who decodes, and must call ``finishDecoding(_:)``.
        case decode(Payload)
        case wait(ticket: UInt32)
    }

    /// Called by one who needs the value.
    mutating func claim() -> ClaimAction {
        switch phase {
        case .settled(let settlement):
            return .settled(settlement)
        case .cancelled:
            return .settled(.failed(CancellationError()))
        case .encoded(let bytes):
            phase = .decoding
            return .decode(bytes)
        case .pending, .decoding:
            lastTicket &+= 1
            return .wait(ticket: lastTicket)
        }
    }

    /// How many wait. Nothing depends on it; tests see by it that somebody waits, and that nothing is left behind.
    var waiterCount: Int { waiters.count }

    /// Adds one who needs the value; `false` if there is something to claim instead.
    mutating func enqueue(_ waiter: FutureWaiter) -> Bool {
        switch phase {
        case .pending, .decoding:
            waiters.append(waiter)
            return true
        case .encoded, .settled, .cancelled:
            return false
        }
    }

    /// Adds one who wants to know that the future is done; `false` if it is.
    mutating func enqueue(_ queue: CompletionQueue, position: UInt32) -> Bool {
        guard case .pending = phase else { return false }
        waiters.append(.queue(queue, position: position))
        return true
    }

    mutating func removeTask(ticket sought: UInt32) -> FutureWaiter? {
        waiters.remove { if case .task(_, sought) = $0 { true } else { false } }
    }

    mutating func removeThread(_ sought: ThreadParker) -> FutureWaiter? {
        waiters.remove { if case .thread(let parker) = $0 { parker === sought } else { false } }
    }

    mutating func removeQueue(_ sought: CompletionQueue) -> FutureWaiter? {
        waiters.remove { if case .queue(let queue, _) = $0 { queue === sought } else { false } }
    }

    // MARK: Callbacks

    /// Adds a callback; `false` if all earlier ones have run and the caller should run it.
    mutating func addCallback(_ callback: @escaping Callback) -> Bool {
        switch callbacks {
        case .none:
            callbacks = .collected([callback])
        case .collected(var list):
            callbacks = .ran  // or the array would be copied
            list.append(callback)
            callbacks = .collected(list)
        case .running(var list):
            callbacks = .ran
            list.append(callback)
            callbacks = .running(next: list)
        case .ran:
            return false
        }
        return true
    }

    /// Called by the one who runs the callbacks until it answers an empty list.
    mutating func takeCallbacks() -> [Callback] {
        guard case .running(let list) = callbacks else { preconditionFailure("two threads run one future's callbacks") }
        callbacks = list.isEmpty ? .ran : .running(next: [])
        return list
    }

    private mutating func startCallbacks() -> CallbackAction {
        switch callbacks {
        case .none:
            callbacks = .ran
            return .nothing
        case .collected(let list):
            callbacks = .running(next: list)
            return .run
        case .running, .ran:
            preconditionFailure("the callbacks of a pending future were run")
        }
    }
}
