import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite("A future's callbacks", .timeLimit(.minutes(5)))
struct FutureCallbackTests {
    // F1
    @Test("a callback sees a value, an error, a cancellation", arguments: Ending.allCases)
    func outcome(ending: Ending) throws {
        let future = TestControl().future(of: Int.self)
        let seen = Log<(Future<Int>, Result<Int, any Error>)>()
        future.onCompletion { done in
            #expect(done.isDone)
            seen.append((done, Result { try done.get(timeout: .zero) }))
        }
        #expect(seen.elements.isEmpty)
        ending.end(future)
        let (done, result) = try #require(seen.elements.first)
        #expect(done === future && seen.elements.count == 1)
        ending.expect(result)
    }

    // F1
    @Test("cancel() of a pending future runs its callbacks")
    func cancel() {
        let future = TestControl().future(of: Int.self)
        let seen = Log<Bool>()
        future.onCompletion { seen.append($0.isCancelled) }
        #expect(future.cancel())
        #expect(seen.elements == [true])
    }

    // F2
    @Test("callbacks run in the order they were added, and a late one at once")
    func order() {
        let future = TestControl().future(of: Int.self)
        let log = Log<Int>()
        for number in 0..<10 { future.onCompletion { _ in log.append(number) } }
        #expect(log.elements.isEmpty)
        future.complete(.success(1))
        #expect(log.elements == Array(0..<10))
        future.onCompletion { _ in log.append(10) }
        #expect(log.elements == Array(0...10))
    }

    // F2
    @Test("a callback added by a callback runs after those added before it")
    func nested() {
        let future = TestControl().future(of: Int.self)
        let log = Log<String>()
        future.onCompletion { future in
            future.onCompletion { _ in log.append("inner") }
            log.append("first")
        }
        future.onCompletion { _ in log.append("second") }
        future.complete(.success(1))
        #expect(log.elements == ["first", "second", "inner"])
    }

    // F2
    @Test("a callback added late queues behind earlier ones that have not run")
    func lateBehindScheduled() {
        let scheduler = ManualScheduler()
        let future = TestControl(callbacks: scheduler).future(of: Int.self)
        let log = Log<Int>()
        future.onCompletion { _ in log.append(1) }
        future.complete(.success(1))
        future.onCompletion { _ in log.append(2) }
        #expect(log.elements.isEmpty && scheduler.scheduled == 1)
        scheduler.runAll()
        #expect(log.elements == [1, 2])
        future.onCompletion { _ in log.append(3) }
        #expect(log.elements == [1, 2, 3] && scheduler.scheduled == 0)
    }

    // F3
    @Test("a callback that blocks holds up neither the state nor the value nor an adder")
    func blocking() async throws {
        let future = TestControl().future(of: Int.self)
        let (gate, log) = (Gate(), Log<Int>())
        future.onCompletion { _ in gate.pass() }
        let thread = Thread { future.complete(.success(5)) }
        thread.start()
        try arrival(of: gate)
        #expect(future.isDone && future.status == .finished && !future.cancel())
        #expect(try await future.value == 5)
        future.onCompletion { _ in log.append(1) }
        #expect(log.elements.isEmpty)
        gate.open()
        await eventually { log.elements == [1] }
    }

    // F3, F13
    @Test("with a scheduler, completing runs no callback and reads nothing")
    func completionRunsNoUserCode() async throws {
        let (scheduler, reader) = (ManualScheduler(), ByteReader())
        let future = TestControl(callbacks: scheduler).future(of: Int.self)
        let log = Log<Int>()
        future.onCompletion { _ in log.append(1) }
        future.complete(encoded: .bytes([5]), by: reader)
        #expect(future.isDone && log.elements.isEmpty && reader.calls.load(ordering: .relaxed) == 0)
        scheduler.runAll()
        #expect(log.elements == [1] && reader.calls.load(ordering: .relaxed) == 0)
        #expect(try await future.value == 5)
    }

    @Test("nothing is scheduled for a future without callbacks")
    func nothingScheduled() {
        let scheduler = ManualScheduler()
        let future = TestControl(callbacks: scheduler).future(of: Int.self)
        future.complete(.success(1))
        #expect(scheduler.scheduled == 0)
    }

    @Test("a callback that has run is released")
    func released() {
        let future = TestControl().future(of: Int.self)
        weak var captured: TestControl?
        do {
            let object = TestControl()
            captured = object
            future.onCompletion { _ in withExtendedLifetime(object) {} }
        }
        #expect(captured != nil)
        future.complete(.success(1))
        #expect(captured == nil)
    }

    @Test("callbacks added while it completes run once each")
    func race() async {
        for _ in 0..<200 {
            let future = TestControl().future(of: Int.self)
            let log = Log<Int>()
            await withTaskGroup { group in
                for number in 0..<4 { group.addTask { future.onCompletion { _ in log.append(number) } } }
                group.addTask { _ = future.complete(.success(1)) }
            }
            await eventually { log.elements.count == 4 }
            #expect(log.elements.sorted() == [0, 1, 2, 3])
        }
    }
}

/// `Gate.arrival()` for tests that are async and have nothing else to do.
func arrival(of gate: Gate) throws {
    try gate.arrival()
}
