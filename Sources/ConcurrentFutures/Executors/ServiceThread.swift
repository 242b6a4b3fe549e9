import DequeModule
import Synchronization

/// Does small pieces of work for a pool, one after another, on a thread of their own: at once in the order in which they come, or at their
/// time.
///
/// The thread is started when it is needed, and goes when there has been nothing to do for a while.
final class ServiceThread: Sendable {
    typealias Work = @Sendable () -> Void

    private enum Next {
        case run(Work)
        /// - Parameter instant: when the first timer is due, if there is one.
        case wait(ThreadParker, until: UInt64?)
        case exit([UnsafeContinuation<Void, Never>])
    }

    private struct Sleeper {
        let parker: ThreadParker
        /// When it wakes by itself.
        let instant: UInt64
    }

    private struct State {
        var work: Deque<Work> = []
        var timers = TimerQueue()
        var isAlive = false
        var idle: Sleeper?
        var isClosed = false
        var drainWaiters: [UnsafeContinuation<Void, Never>] = []
        /// The thread that has ended, or is about to, and was not joined.
        var exited: SystemThread?

        var isEmpty: Bool { work.isEmpty && timers.isEmpty }

        mutating func exit() -> Next {
            isAlive = false
            idle = nil
            exited = .current
            return .exit(takeDrainWaiters())
        }

        mutating func takeDrainWaiters() -> [UnsafeContinuation<Void, Never>] {
            defer { drainWaiters = [] }
            return drainWaiters
        }
    }

    /// What a change asks of the thread.
    private enum Staffing {
        case enough
        case wake(ThreadParker)
        case start(exited: SystemThread?)
    }

    /// Long enough for a busy pool to keep its thread, short enough for an idle one to be without.
    private static let idleNanoseconds: UInt64 = 1_000_000_000

    private let name: ThreadName
    private let startThread: @Sendable (_ name: ThreadName, _ body: @escaping Work) throws -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: what the thread is called.
    ///   - startThread: starts a thread that says itself where it is to be joined; tests let it fail.
    init(
        name: ThreadName,
        startThread: @escaping @Sendable (_ name: ThreadName, _ body: @escaping Work) throws -> Void = {
            _ = try SystemThread.startJoinable(name: $0, $1)
        }
    ) {
        self.name = name
        self.startThread = startThread
    }

    deinit {
        state.withLock { $0.exited }?.detach()
    }

    /// Does something as soon as what came before it is done.
    func schedule(_ work: @escaping Work) {
        arrange(
            state.withLock { state in
                state.work.append(work)
                return Self.staff(&state, for: 0)
            }
        )
    }

    /// Does something at a time, on the clock of ``monotonicNanoseconds()``, unless the timer is cancelled or was.
    ///
    /// It should be quick: other timers wait for it.
    func set(_ timer: ServiceTimer, at instant: UInt64, _ action: @escaping Work) {
        arrange(
            state.withLock { state in
                state.timers.set(timer, at: instant, action)
                return state.timers.isEmpty ? .enough : Self.staff(&state, for: instant)
            }
        )
    }

    /// Takes a timer back; if it is being carried out, this does not wait for it.
    func cancel(_ timer: ServiceTimer?) {
        guard let timer else { return }
        // What it held may be the last reference to anything, and is released without the lock.
        let (action, parker) = state.withLock { state in
            let action = state.timers.cancel(timer)
            return (action, state.isClosed && state.isEmpty ? state.idle.take()?.parker : nil)
        }
        parker?.unpark()
        withExtendedLifetime(action) {}
    }

    private static func staff(_ state: inout State, for instant: UInt64) -> Staffing {
        guard state.isAlive else {
            state.isAlive = true
            return .start(exited: state.exited.take())
        }
        // One that wakes early enough by itself is let sleep.
        guard let sleeper = state.idle, instant < sleeper.instant else { return .enough }
        state.idle = nil
        return .wake(sleeper.parker)
    }

    private func arrange(_ staffing: Staffing) {
        switch staffing {
        case .enough: break
        case .wake(let parker): parker.unpark()
        case .start(let exited):
            exited?.join()
            start()
        }
    }

    private func start() {
        do {
            try startThread(name) { self.run() }
        } catch {
            // Work that is never done is worse than work that delays the thread that asked for it.
            runInPlace()
        }
    }

    /// Lets the thread end as soon as it has nothing to do, now or later.
    func close() {
        let parker = state.withLock { state in
            state.isClosed = true
            return state.isEmpty ? state.idle.take()?.parker : nil
        }
        parker?.unpark()
    }

    /// Returns when all work is done and the thread is gone; only after ``close()``. What waits for its time then is not done.
    nonisolated(nonsending) func drain() async {
        let (actions, parker) = state.withLock { state in
            let actions = state.timers.cancelAll()
            return (actions, state.isEmpty ? state.idle.take()?.parker : nil)
        }
        parker?.unpark()
        withExtendedLifetime(actions) {}
        await withUnsafeContinuation { continuation in
            // Resumed once: here if it was not stored, else by the thread, which takes it out of the state.
            let isStored = state.withLock { state in
                if state.isAlive { state.drainWaiters.append(continuation) }
                return state.isAlive
            }
            if !isStored { continuation.resume() }
        }
        state.withLock { $0.exited.take() }?.join()
    }

    private func run() {
        while true {
            switch state.withLock({ next(&$0) }) {
            case .run(let work):
                work()
            case .wait(let parker, let instant):
                if let end = wait(parker, until: instant) { return resume(end) }
            case .exit(let waiters):
                return resume(waiters)
            }
        }
    }

    /// - Returns: Who waits for the thread's end, if it ends.
    private func wait(_ parker: ThreadParker, until instant: UInt64?) -> [UnsafeContinuation<Void, Never>]? {
        let now = monotonicNanoseconds()
        let nanoseconds = instant.map { $0 - min($0, now) } ?? Self.idleNanoseconds
        if parker.park(for: .nanoseconds(Int64(nanoseconds))) { return nil }
        return state.withLock { state in
            // If it is not there any more, somebody took it and is about to unpark it.
            guard state.idle?.parker === parker else { return nil }
            state.idle = nil
            guard instant == nil, state.isEmpty, case .exit(let waiters) = state.exit() else { return nil }
            return waiters
        }
    }

    private func next(_ state: inout State) -> Next {
        if let work = state.work.popFirst() { return .run(work) }
        let instant = state.timers.firstInstant
        if instant != nil, let action = state.timers.popDue(at: monotonicNanoseconds()) { return .run(action) }
        if state.isClosed, instant == nil { return state.exit() }
        let parker = ThreadParker()
        state.idle = Sleeper(parker: parker, instant: instant ?? monotonicNanoseconds() + Self.idleNanoseconds)
        return .wait(parker, until: instant)
    }

    /// Does without a thread what can be done now.
    private func runInPlace() {
        while true {
            let (work, waiters) = state.withLock { state in
                let work = state.work.popFirst() ?? state.timers.popDue(at: monotonicNanoseconds())
                if work == nil { state.isAlive = false }
                return (work, work == nil ? state.takeDrainWaiters() : [])
            }
            guard let work else {
                resume(waiters)
                return tryAgainLater()
            }
            work()
        }
    }

    /// Less exact than a thread of its own; but a timer that nobody looks at could be a task that never ends.
    private func tryAgainLater() {
        guard let instant = state.withLock({ $0.timers.firstInstant }) else { return }
        Task.detached {
            await sleepUntil(instant)
            self.arrange(self.state.withLock { $0.isEmpty ? .enough : Self.staff(&$0, for: instant) })
        }
    }

    private func resume(_ waiters: [UnsafeContinuation<Void, Never>]) {
        for waiter in waiters { waiter.resume() }
    }
}
