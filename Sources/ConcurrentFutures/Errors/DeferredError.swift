import Synchronization

/// An error that is made when somebody first asks for it: making it may run a user's code.
final class DeferredError: Error {
    private enum State: Sendable {
        case unmade(@Sendable () -> any Error)
        case made(any Error)
    }

    private let state: Mutex<State>

    init(_ make: @escaping @Sendable () -> any Error) {
        state = Mutex(.unmade(make))
    }

    /// The same each time.
    var error: any Error {
        switch state.withLock({ $0 }) {
        case .made(let error): return error
        case .unmade(let make):
            // Not under the lock: it may run for long, or ask for this error itself.
            let error = make()
            return state.withLock { state in
                if case .made(let earlier) = state { return earlier }
                state = .made(error)
                return error
            }
        }
    }
}
