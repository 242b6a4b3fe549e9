import Synchronization
import Testing

extension Trait where Self == FewAtOnce {
    /// For suites that start processes or measure time; see ``FewAtOnce``.
    static var fewAtOnce: Self { FewAtOnce() }
}

/// Lets only so many suites run at once.
///
/// Every test waits for events and bounds that, and a pool of processes beside fifty others gets on fifty times as slowly: no bound would mean anything.
/// More than one at once, because many a test spends its time waiting for a grace period to pass.
struct FewAtOnce: SuiteTrait, TestScoping {
    private static let places = Places(count: 4)

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        await Self.places.take()
        defer { Self.places.giveBack() }
        try await function()
    }
}

/// A semaphore for tasks, first come, first served.
private final class Places: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(count: Int) {
        state = Mutex(State(free: count))
    }

    func take() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func giveBack() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
