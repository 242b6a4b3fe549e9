import DequeModule
import Synchronization

/// Runs the completion callbacks of a pool, one after another, on a thread of their own: one that blocks delays other
/// callbacks, but no task.
///
/// The thread is started when it is needed, and goes when there has been nothing to do for a while.
final class CallbackThread: CallbackScheduler {
    private enum Next {
        case run(@Sendable () -> Void)
        case wait(ThreadParker)
        case exit([UnsafeContinuation<Void, Never>])
    }

    private struct State {
        var work: Deque<@Sendable () -> Void> = []
        var isAlive = false
        var idle: ThreadParker?
        var isClosed = false
        var drainWaiters: [UnsafeContinuation<Void, Never>] = []
        /// The thread that has ended, or is about to, and was not joined.
        var exited: SystemThread?

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

    /// Long enough for a busy pool to keep its thread, short enough for an idle one to be without.
    private static let idleTimeout = Duration.seconds(1)

    private let name: String
    private let state = Mutex(State())

    /// - Parameter name: the pool's, from which the thread's is made.
    init(name: String) {
        self.name = name
    }

    deinit {
        state.withLock { $0.exited }?.detach()
    }

    func schedule(_ work: @escaping @Sendable () -> Void) {
        let (parker, mustStart, exited) = state.withLock { state in
            state.work.append(work)
            defer { (state.isAlive, state.idle) = (true, nil) }
            return (state.idle, !state.isAlive, state.isAlive ? nil : state.exited.take())
        }
        parker?.unpark()
        exited?.join()
        guard mustStart else { return }
        do {
            _ = try SystemThread.startJoinable(name: SystemThread.fittingName(name, suffix: "-cb")) { self.run() }
        } catch {
            // A callback that never runs is worse than one that delays the thread that completed its future.
            runInPlace()
        }
    }

    /// Lets the thread end as soon as it has nothing to do.
    func close() {
        let parker = state.withLock { state in
            state.isClosed = true
            return state.idle.take()
        }
        parker?.unpark()
    }

    /// Returns when all callbacks have run and the thread is gone; only after ``close()``.
    nonisolated(nonsending) func drain() async {
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
            case .wait(let parker):
                if parker.park(for: Self.idleTimeout) { continue }
                // Scheduled meanwhile: it was taken from here, and is about to be unparked.
                let end = state.withLock { $0.idle === parker ? $0.exit() : nil }
                if case .exit(let waiters) = end { return resume(waiters) }
            case .exit(let waiters):
                return resume(waiters)
            }
        }
    }

    private func runInPlace() {
        while true {
            let (work, waiters) = state.withLock { state in
                let work = state.work.popFirst()
                if work == nil { state.isAlive = false }
                return (work, work == nil ? state.takeDrainWaiters() : [])
            }
            guard let work else { return resume(waiters) }
            work()
        }
    }

    private func next(_ state: inout State) -> Next {
        if let work = state.work.popFirst() { return .run(work) }
        if state.isClosed { return state.exit() }
        let parker = ThreadParker()
        state.idle = parker
        return .wait(parker)
    }

    private func resume(_ waiters: [UnsafeContinuation<Void, Never>]) {
        for waiter in waiters { waiter.resume() }
    }
}
