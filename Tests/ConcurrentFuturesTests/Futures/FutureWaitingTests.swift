import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite("Waiting for a future", .timeLimit(.minutes(5)))
struct FutureWaitingTests {
    // F8
    @Test("a task that awaits wakes, however the future ends", arguments: Ending.allCases)
    func async(ending: Ending) async {
        let future = TestControl().future(of: Int.self)
        let waiter = Task { await future.result }
        await eventually { future.waiterCount == 1 }
        Thread { ending.end(future) }.start()
        ending.expect(await waiter.value)
        #expect(future.waiterCount == 0)
    }

    // F8
    @Test("a thread that blocks wakes, however the future ends", arguments: Ending.allCases)
    func blocking(ending: Ending) async {
        for timeout in [nil, testBound] {
            let future = TestControl().future(of: Int.self)
            let outcome = outcomeOfThread { try future.get(timeout: timeout) }
            await eventually { future.waiterCount == 1 }
            ending.end(future)
            ending.expect(await outcome.result)
        }
    }

    // F8
    @Test("many tasks and threads wait for one future, and its bytes are decoded once", arguments: Ending.allCases)
    func many(ending: Ending) async {
        let reader = ByteReader()
        let future = TestControl().future(of: Int.self)
        let tasks = (0..<20).map { _ in Task { await future.result } }
        let threads = (0..<4).map { _ in outcomeOfThread { try future.get() } }
        await eventually { future.waiterCount == 24 }
        ending.end(future, by: reader)
        for task in tasks { ending.expect(await task.value) }
        for thread in threads { ending.expect(await thread.result) }
        let isEncoded = ending == .encodedValue || ending == .encodedError
        #expect(reader.calls.load(ordering: .relaxed) == (isEncoded ? 1 : 0))
        #expect(future.waiterCount == 0)
    }

    // F8, F13
    @Test("those who need a value that another decodes wait for it")
    func decoding() async throws {
        let reader = ByteReader(gate: Gate())
        let future = TestControl().future(of: Int.self)
        future.complete(encoded: .bytes([5]), by: reader)
        let first = outcomeOfThread { try future.get() }
        try arrival(of: reader.gate!)
        let task = Task { try await future.value }
        let second = outcomeOfThread { try future.get() }
        await eventually { future.waiterCount == 2 }
        let queue = CompletionQueue()
        #expect(future.isDone && !future.report(to: queue, position: 0))
        #expect("\(future)" == "Future(finished)")
        let error = #expect(throws: PoolError.self) { try poll(future) }
        #expect(error?.code == .timedOut)
        reader.gate?.open()
        #expect(try await task.value == 5)
        #expect(try await first.value == 5)
        #expect(try await second.value == 5)
        #expect(reader.calls.load(ordering: .relaxed) == 1)
    }

    // F8
    @Test("a waiter that cannot run does not hold up one that can")
    func blockedActor() async throws {
        let future = TestControl().future(of: Int.self)
        let (actor, gate) = (BusyActor(), Gate())
        let task = Task { try await actor.value(of: future) }
        await eventually { future.waiterCount == 1 }
        let occupation = Task { await actor.occupy(gate) }
        try arrival(of: gate)
        let outcome = outcomeOfThread { try future.get() }
        await eventually { future.waiterCount == 2 }
        future.complete(encoded: .bytes([5]))
        await eventually { outcome.isDone }
        gate.open()
        await occupation.value
        #expect(try await outcome.value == 5)
        #expect(try await task.value == 5)
    }

    // F7
    @Test("get throws when the time has passed, and leaves nothing behind", arguments: [-1, 0, 0.00001, 0.002])
    func timeout(seconds: Double) throws {
        let control = TestControl()
        let future = control.future(of: Int.self)
        control.start(future)
        let start = SuspendingClock.now
        let error = #expect(throws: PoolError.self) { try future.get(timeout: .seconds(seconds)) }
        #expect(error?.code == .timedOut)
        #expect(SuspendingClock.now - start >= .seconds(seconds))
        #expect(future.waiterCount == 0 && future.isRunning)
        future.complete(.success(5))
        #expect(try future.get(timeout: .seconds(seconds)) == 5)
    }

    @Test("get takes the longest timeout there is")
    func longTimeout() async throws {
        let future = TestControl().future(of: Int.self)
        let outcome = outcomeOfThread { try future.get(timeout: .seconds(Int64.max)) }
        await eventually { future.waiterCount == 1 }
        future.complete(.success(5))
        #expect(try await outcome.value == 5)
    }

    // F11
    @Test("a cancelled waiting task stops waiting, and the work goes on", arguments: [false, true])
    func cancelledWaiter(isCancelledBefore: Bool) async throws {
        let control = TestControl(cancelsRunning: true)
        let future = control.future(of: Int.self)
        control.start(future)
        let other = Task { try await future.value }
        await eventually { future.waiterCount == 1 }
        let waiter = Task {
            if isCancelledBefore { withUnsafeCurrentTask { $0?.cancel() } }
            return try await future.value
        }
        if !isCancelledBefore {
            await eventually { future.waiterCount == 2 }
            waiter.cancel()
        }
        await #expect(throws: CancellationError.self) { try await waiter.value }
        #expect(future.waiterCount == 1 && future.isRunning && !future.isCancelled)
        future.complete(.success(5))
        #expect(try await other.value == 5)
    }

    // F11
    @Test("a cancelled task still gets the value of a finished future")
    func cancelledButFinished() async throws {
        let future = Future.returned(5)
        let waiter = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await future.value
        }
        #expect(try await waiter.value == 5)
    }

    // F11
    @Test("cancelling a waiter while the future ends loses neither")
    func cancellingRace() async {
        for round in 0..<500 {
            let future = TestControl().future(of: Int.self)
            let waiters = (0..<2).map { _ in Task { await future.result } }
            if round.isMultiple(of: 2) { await eventually { future.waiterCount == 2 } }
            await withTaskGroup { group in
                group.addTask { waiters[0].cancel() }
                group.addTask { _ = future.complete(encoded: .bytes([5])) }
            }
            Ending.encodedValue.expect(await waiters[1].value)
            switch await waiters[0].value {
            case .success(let value): #expect(value == 5)
            case .failure(let error): #expect(error is CancellationError)
            }
            #expect(future.waiterCount == 0)
        }
    }

    // F8
    @Test("ten thousand futures are completed by one thread and awaited by another task")
    func pipeline() async throws {
        let control = TestControl()
        let futures = (0..<10_000).map { _ in control.future(of: Int.self) }
        Thread { for (number, future) in futures.enumerated() { future.complete(.success(number)) } }.start()
        for (number, future) in futures.enumerated() { #expect(try await future.value == number) }
    }
}

private actor BusyActor {
    func value(of future: Future<Int>) async throws -> Int {
        try await future.value
    }

    func occupy(_ gate: Gate) {
        gate.pass()
    }
}

/// `get(timeout: .zero)`, which async code may not call.
private func poll<Value>(_ future: Future<Value>) throws -> Value {
    try future.get(timeout: .zero)
}

/// Runs a blocking function on a thread of its own.
private func outcomeOfThread<Value>(_ body: @escaping @Sendable () throws -> Value) -> Future<Value> {
    let future = TestControl().future(of: Value.self)
    Thread { future.complete(Result { try body() }) }.start()
    return future
}
