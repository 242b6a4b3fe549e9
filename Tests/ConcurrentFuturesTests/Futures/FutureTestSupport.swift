import Synchronization
import Testing

@testable import ConcurrentFutures

/// An executor of nothing: the test says what runs and what ends.
final class TestControl: TaskControl {
    private struct State {
        var running: Set<TaskID> = []
        var cancelOfPending: [TaskID: @Sendable () -> Void] = [:]
        var nextTask: TaskID = 1
    }

    private let cancelsRunning: Bool
    let callbackScheduler: (any CallbackScheduler)?
    private let state = Mutex(State())

    /// - Parameter cancelsRunning: Whether `cancel()` of a running task is promised, as by a process pool.
    init(cancelsRunning: Bool = false, callbacks: (any CallbackScheduler)? = nil) {
        self.cancelsRunning = cancelsRunning
        callbackScheduler = callbacks
    }

    func future<Value>(of type: Value.Type = Value.self) -> Future<Value> {
        let future = Future<Value>(control: self)
        state.withLock { state in
            future.assign(task: state.nextTask)
            state.nextTask += 1
            state.cancelOfPending[future.task] = { [weak future] in future?.completeCancelled() }
        }
        return future
    }

    func start(_ future: Future<some Sendable>) {
        state.withLock { state in
            state.cancelOfPending[future.task] = nil
            state.running.insert(future.task)
        }
    }

    func cancel(_ task: TaskID) -> Bool {
        let cancel = state.withLock { $0.cancelOfPending.removeValue(forKey: task) }
        if let cancel {
            cancel()
            return true
        }
        return cancelsRunning && isRunning(task)
    }

    func isRunning(_ task: TaskID) -> Bool {
        state.withLock { $0.running.contains(task) }
    }
}

struct TestError: Error, Equatable {}

/// The ways in which a future ends.
enum Ending: CaseIterable, CustomTestStringConvertible {
    case value, error, cancellation, encodedValue, encodedError

    @discardableResult
    func end(_ future: Future<Int>, by reader: ByteReader = ByteReader()) -> Bool {
        switch self {
        case .value: future.complete(.success(5))
        case .error: future.complete(.failure(TestError()))
        case .cancellation: future.completeCancelled()
        case .encodedValue: future.complete(encoded: .bytes([5]), by: reader)
        case .encodedError: future.complete(encoded: .bytes([]), by: reader)
        }
    }

    func expect(_ result: Result<Int, any Error>, sourceLocation: SourceLocation = #_sourceLocation) {
        switch (self, result) {
        case (.value, .success(5)), (.encodedValue, .success(5)): break
        case (.error, .failure(let error)), (.encodedError, .failure(let error)):
            #expect(error is TestError, sourceLocation: sourceLocation)
        case (.cancellation, .failure(let error)):
            #expect(error is CancellationError, sourceLocation: sourceLocation)
        default: Issue.record("\(self) ended in \(result)", sourceLocation: sourceLocation)
        }
    }

    var testDescription: String {
        switch self {
        case .value: "a value"
        case .error: "an error"
        case .cancellation: "a cancellation"
        case .encodedValue: "an encoded value"
        case .encodedError: "an encoded error"
        }
    }
}

/// Reads one byte; no byte is an error. It counts, and can be held up.
final class ByteReader: OutcomeReader, @unchecked Sendable {
    let calls = Atomic(0)
    let gate: Gate?

    init(gate: Gate? = nil) {
        self.gate = gate
    }

    override func read(_ payload: Payload, into future: AnyObject) -> FutureStateMachine.Settlement {
        calls.add(1, ordering: .relaxed)
        gate?.pass()
        guard let byte = payload.withUnsafeBytes({ $0.first }) else { return .failed(TestError()) }
        return .succeeded(unsafeDowncast(future, to: Future<Int>.self).success.put(Int(byte)))
    }
}

extension Future<Int> {
    @discardableResult
    func complete(encoded payload: Payload) -> Bool { complete(encoded: payload, by: ByteReader()) }
}

extension Future {
    /// A future of a task that has returned.
    static func returned(_ value: Value) -> Future {
        let future = Future(control: TestControl())
        future.complete(returning: value)
        return future
    }
}

/// Holds a thread until it is opened, and shows that one has come.
final class Gate: Sendable {
    private let arrived = Future<Void>(control: TestControl())
    private let opened = Future<Void>(control: TestControl())

    func pass() {
        arrived.complete(.success(()))
        _ = try? opened.get(timeout: testBound)
    }

    func open() {
        opened.complete(.success(()))
    }

    func arrival() throws {
        try arrived.get(timeout: testBound)
    }
}

/// Runs what it is given when the test says so.
final class ManualScheduler: CallbackScheduler {
    private let work = Mutex<[@Sendable () -> Void]>([])

    var scheduled: Int { work.withLock { $0.count } }

    func schedule(_ body: @escaping @Sendable () -> Void) {
        work.withLock { $0.append(body) }
    }

    func runAll() {
        let all = work.withLock { work in
            defer { work = [] }
            return work
        }
        for body in all { body() }
    }
}

/// A list that several threads append to.
final class Log<Element: Sendable>: Sendable {
    private let list = Mutex<[Element]>([])

    var elements: [Element] { list.withLock { $0 } }

    func append(_ element: Element) {
        list.withLock { $0.append(element) }
    }
}

/// How long a test waits for what should happen at once.
let testBound = Duration.seconds(90)

/// Runs a body, and throws if it has not ended within the bound; what hangs is left behind.
func withinBound<Output: Sendable>(_ body: @escaping @Sendable () async throws -> Output) async throws -> Output {
    let outcome = Future<Output>(control: TestControl())
    Task {
        do {
            outcome.complete(.success(try await body()))
        } catch {
            outcome.complete(.failure(error))
        }
    }
    guard await !CollectionOfOne(outcome).wait(timeout: testBound).done.isEmpty else {
        throw PoolError(.timedOut, "it did not end within \(testBound)")
    }
    return try await outcome.value
}

/// Yields until it is so, within the bound.
func eventually(_ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
    let end = SuspendingClock.now + testBound
    while !condition() {
        guard SuspendingClock.now < end else {
            Issue.record("it did not happen", sourceLocation: sourceLocation)
            return
        }
        await Task.yield()
    }
}

extension Future {
    /// How many wait for it now, so that a test can wait for a waiter.
    var waiterCount: Int { machine.withLock { $0.waiterCount } }
}
