import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite("A future's state", .timeLimit(.minutes(5)))
struct FutureStateTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let make: @Sendable (TestControl) -> Future<Int>
        var isDone = false
        var isRunning = false
        var isCancelled = false
        var cancels: (asking: Bool, stopping: Bool) = (false, false)
        let description: String
        var poll: Ending?
    }

    static let rows = [
        Row(
            testDescription: "pending",
            make: { $0.future() },
            cancels: (true, true),
            description: "Future(pending)"
        ),
        Row(
            testDescription: "running",
            make: {
                let future = $0.future(of: Int.self)
                $0.start(future)
                return future
            },
            isRunning: true,
            cancels: (false, true),
            description: "Future(running)"
        ),
        ended(.value, "Future(finished: 5)"),
        ended(.error, "Future(failed: TestError())"),
        ended(.cancellation, "Future(cancelled)"),
        ended(.encodedValue, "Future(finished)"),
        ended(.encodedError, "Future(finished)"),
        Row(
            testDescription: "born failed",
            make: { _ in Future(failed: TestError()) },
            isDone: true,
            description: "Future(failed: TestError())",
            poll: .error
        ),
        Row(
            testDescription: "failed with a CancellationError of its own",
            make: {
                let future = $0.future(of: Int.self)
                future.complete(.failure(CancellationError()))
                return future
            },
            isDone: true,
            description: "Future(failed: CancellationError())",
            poll: .cancellation
        ),
    ]

    static func ended(_ ending: Ending, _ description: String) -> Row {
        let isCancelled = ending == .cancellation
        return Row(
            testDescription: "ended with \(ending.testDescription)",
            make: { control in
                let future = control.future(of: Int.self)
                control.start(future)
                ending.end(future)
                return future
            },
            isDone: true,
            isCancelled: isCancelled,
            cancels: (isCancelled, isCancelled),
            description: description,
            poll: ending
        )
    }

    // F6
    @Test("isDone, isRunning and isCancelled tell the state", arguments: rows)
    func truthTable(row: Row) {
        let future = row.make(TestControl())
        #expect(future.isDone == row.isDone)
        #expect(future.isRunning == row.isRunning)
        #expect(future.isCancelled == row.isCancelled)
    }

    // F5
    @Test("cancel() answers what its state and its executor promise", arguments: rows)
    func cancel(row: Row) {
        #expect(row.make(TestControl()).cancel() == row.cancels.asking)
        #expect(row.make(TestControl(cancelsRunning: true)).cancel() == row.cancels.stopping)
    }

    // F5
    @Test("cancel() of a pending future ends it, and is true again")
    func cancelPending() throws {
        let control = TestControl()
        let future = control.future(of: Int.self)
        #expect(future.cancel())
        #expect(future.isCancelled && future.isDone && !future.isRunning)
        #expect(future.cancel())
        #expect(throws: CancellationError.self) { try future.get(timeout: .zero) }
    }

    // F5
    @Test("a running task whose cancellation is promised stays running until it has stopped")
    func cancelRunning() {
        let control = TestControl(cancelsRunning: true)
        let future = control.future(of: Int.self)
        control.start(future)
        #expect(future.cancel() && future.cancel())
        #expect(future.isRunning && !future.isDone && !future.isCancelled)
        future.completeCancelled()
        #expect(future.cancel() && future.isCancelled)
    }

    // F4
    @Test("the description shows the state, and the outcome once there is one", arguments: rows)
    func description(row: Row) {
        #expect("\(row.make(TestControl()))" == row.description)
    }

    // F4
    @Test("the description shows a value that was encoded once it is decoded")
    func decodedDescription() throws {
        let value = TestControl().future(of: Int.self)
        value.complete(encoded: .bytes([5]))
        _ = try value.get()
        #expect("\(value)" == "Future(finished: 5)")
        let error = TestControl().future(of: Int.self)
        error.complete(encoded: .bytes([]))
        _ = try? error.get()
        #expect("\(error)" == "Future(failed: TestError())")
    }

    // F7
    @Test("get(timeout: .zero) looks and does not wait", arguments: rows)
    func poll(row: Row) throws {
        let future = row.make(TestControl())
        let result = Result { try future.get(timeout: .zero) }
        if let ending = row.poll {
            ending.expect(result)
        } else {
            let error = #expect(throws: PoolError.self) { try result.get() }
            #expect(error?.code == .timedOut)
            #expect(future.waiterCount == 0)
        }
    }

    // F9
    @Test("it completes once: a second completion is refused and changes nothing", arguments: Ending.allCases)
    func completesOnce(ending: Ending) throws {
        for second in Ending.allCases {
            let future = TestControl().future(of: Int.self)
            let log = Log<Int>()
            future.onCompletion { _ in log.append(1) }
            #expect(ending.end(future))
            let unused = ByteReader()
            #expect(!second.end(future, by: unused))
            #expect(future.isCancelled == (ending == .cancellation))
            ending.expect(Result { try future.get() })
            #expect(!second.end(future, by: unused))
            #expect(unused.calls.load(ordering: .relaxed) == 0)
            #expect(log.elements == [1])
        }
        #expect(!ending.end(Future.returned(1)))
    }

    // F10
    @Test("a snapshot of the state is never torn, under four writers")
    func snapshots() async {
        for _ in 0..<300 {
            let control = TestControl()
            let future = control.future(of: [Int].self)
            await withTaskGroup { group in
                group.addTask { control.start(future) }
                group.addTask { _ = future.complete(.success([1, 1, 1])) }
                group.addTask { _ = future.complete(.success([2, 2, 2, 2])) }
                group.addTask { _ = future.cancel() }
                group.addTask {
                    var wasDone = false
                    repeat {
                        let status = future.status
                        wasDone = future.isDone
                        if status == .finished || status == .cancelled { #expect(wasDone) }
                        if future.isCancelled { #expect(future.isDone) }
                        if wasDone { #expect(!future.isRunning && future.cancel() == future.isCancelled) }
                    } while !wasDone
                }
            }
            let expected: Set<[Int]> = [[1, 1, 1], [2, 2, 2, 2]]
            switch await future.result {
            case .success(let value): #expect(expected.contains(value) && future.status == .finished)
            case .failure(let error): #expect(error is CancellationError && future.status == .cancelled)
            }
        }
    }

    @Test("two futures are equal if they are the same one")
    func identity() {
        let first = Future.returned(1)
        let second = Future.returned(1)
        #expect(first == first && first != second)
        #expect(Set([first, second, first]).count == 2)
    }

    @Test("a future that has ended keeps neither its executor nor who read its outcome alive")
    func releases() throws {
        for ending in Ending.allCases {
            weak var control: TestControl?
            weak var reader: ByteReader?
            let future: Future<Int>
            do {
                let strong = TestControl()
                control = strong
                future = Future(control: strong)
            }
            #expect(control != nil)
            do {
                let strong = ByteReader()
                reader = strong
                ending.end(future, by: strong)
            }
            #expect(control == nil)
            _ = try? future.get()
            #expect(reader == nil)
        }
    }
}
