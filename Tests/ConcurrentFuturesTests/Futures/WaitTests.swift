import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("wait", .fewAtOnce, .timeLimit(.minutes(5)))
struct WaitTests {
    let control = TestControl()

    func futures(_ count: Int) -> [Future<Int>] {
        (0..<count).map { _ in control.future(of: Int.self) }
    }

    /// Starts to wait, and returns when every pending future knows of it.
    func startWaiting(
        for futures: [Future<Int>],
        until condition: WaitCondition,
        timeout: Duration? = nil
    ) async -> Task<WaitResult<Int>, Never> {
        let task = Task { await futures.wait(until: condition, timeout: timeout) }
        await eventually { futures.allSatisfy { $0.isDone || $0.waiterCount == 1 } }
        return task
    }

    // W1
    @Test("the same future twice counts once", arguments: [WaitCondition.allCompleted, .firstCompleted, .firstFailed])
    func duplicates(condition: WaitCondition) async {
        let future = control.future(of: Int.self)
        let waiting = await startWaiting(for: [future, future], until: condition)
        future.complete(.success(1))
        let result = await waiting.value
        #expect(result.done == [future] && result.notDone.isEmpty)
    }

    // W2
    @Test("firstCompleted returns when one ends, however it ends", arguments: Ending.allCases)
    func firstCompleted(ending: Ending) async {
        let futures = futures(3)
        let waiting = await startWaiting(for: futures, until: .firstCompleted)
        ending.end(futures[1])
        let result = await waiting.value
        #expect(result.done == [futures[1]] && result.notDone == [futures[0], futures[2]])
        #expect(futures.allSatisfy { $0.waiterCount == 0 })
    }

    // W2
    @Test("firstCompleted returns at once if one had ended", arguments: Ending.allCases)
    func firstCompletedBefore(ending: Ending) async {
        let futures = futures(3)
        ending.end(futures[2])
        let result = await futures.wait(until: .firstCompleted)
        #expect(result.done == [futures[2]] && result.notDone == [futures[0], futures[1]])
    }

    // W3
    @Test(
        "firstFailed returns at the failing one, with those that ended before",
        arguments: [Ending.error, .encodedError]
    )
    func firstFailed(ending: Ending) async {
        let futures = futures(5)
        futures[0].complete(.success(0))
        let waiting = await startWaiting(for: futures, until: .firstFailed)
        futures[1].completeCancelled()
        futures[2].complete(encoded: .bytes([2]))
        ending.end(futures[3])
        let result = await waiting.value
        #expect(result.done == Set(futures[...3]) && result.notDone == [futures[4]])
        #expect(futures[4].waiterCount == 0)
    }

    // W3
    @Test("firstFailed returns at once if one had failed", arguments: [Ending.error, .encodedError])
    func firstFailedBefore(ending: Ending) async {
        let futures = futures(2)
        ending.end(futures[1])
        let result = await futures.wait(until: .firstFailed)
        #expect(result.done == [futures[1]] && result.notDone == [futures[0]])
    }

    // W3
    @Test("firstFailed waits for all where none fails; a cancelled one has not failed")
    func noneFails() async {
        let futures = futures(3)
        let waiting = await startWaiting(for: futures, until: .firstFailed)
        for (future, ending) in zip(futures, [Ending.cancellation, .value, .encodedValue]) { ending.end(future) }
        #expect(await waiting.value.notDone.isEmpty)
    }

    // W4
    @Test("allCompleted waits for values, errors and cancellations alike")
    func allCompleted() async {
        let futures = futures(6)
        futures[5].complete(.success(5))
        let waiting = await startWaiting(for: futures, until: .allCompleted)
        for (future, ending) in zip(futures, Ending.allCases) { ending.end(future) }
        let result = await waiting.value
        #expect(result.done == Set(futures) && result.notDone.isEmpty)
    }

    // W5
    @Test(
        "a timeout returns both sets, and throws nothing",
        arguments: [WaitCondition.allCompleted, .firstFailed],
        [-1, 0, 0.005]
    )
    func timeout(condition: WaitCondition, seconds: Double) async {
        let futures = futures(3)
        futures[1].complete(.success(1))
        let result = await futures.wait(until: condition, timeout: .seconds(seconds))
        #expect(result.done == [futures[1]] && result.notDone == [futures[0], futures[2]])
        #expect(futures.allSatisfy { $0.waiterCount == 0 })
    }

    // W5
    @Test("a timeout of firstCompleted returns an empty set of those done", arguments: [0, 0.005])
    func timeoutOfNone(seconds: Double) async {
        let futures = futures(2)
        let result = await futures.wait(until: .firstCompleted, timeout: .seconds(seconds))
        #expect(result.done.isEmpty && result.notDone == Set(futures))
    }

    // W6
    @Test("futures of different executors are waited for together")
    func executors() async {
        let other = TestControl(cancelsRunning: true)
        let futures = [control.future(of: Int.self), other.future(of: Int.self), Future.returned(1)]
        let waiting = await startWaiting(for: futures, until: .allCompleted)
        futures[1].complete(.success(1))
        #expect(futures[0].cancel())
        #expect(await waiting.value.done == Set(futures))
    }

    // W6
    @Test("futures of every kind of executor are waited for together, and come as they end")
    func realExecutors() async throws {
        let executors = try ExecutorKind.allCases.map { try $0.make() }
        let futures = executors.map { $0.submit(Work.square, 3) }
        #expect(await futures.wait(timeout: testBound).done == Set(futures))
        var sum = 0
        for await future in asCompleted(futures) { sum += try await future.value }
        #expect(sum == 9 * executors.count)
        for executor in executors { await executor.shutdown() }
    }

    // W7
    @Test("of a hundred that finish at once none is lost")
    func hundred() async {
        for _ in 0..<50 {
            let futures = futures(100)
            let threads = Task {
                await withTaskGroup { group in
                    for future in futures { group.addTask { _ = future.complete(.success(1)) } }
                }
            }
            #expect(await futures.wait().done.count == 100)
            await threads.value
        }
    }

    @Test(
        "over no futures every condition is met",
        arguments: [WaitCondition.allCompleted, .firstCompleted, .firstFailed]
    )
    func empty(condition: WaitCondition) async {
        let result = await [Future<Int>]().wait(until: condition)
        #expect(result.done.isEmpty && result.notDone.isEmpty)
    }

    @Test(
        "cancelling the waiting task ends the wait, and the work goes on",
        arguments: [WaitCondition.allCompleted, .firstCompleted, .firstFailed]
    )
    func cancelling(condition: WaitCondition) async {
        let futures = futures(2)
        let waiting = await startWaiting(for: futures, until: condition, timeout: testBound)
        waiting.cancel()
        let result = await waiting.value
        #expect(result.done.isEmpty && result.notDone == Set(futures))
        #expect(futures.allSatisfy { !$0.isDone && $0.waiterCount == 0 })
    }
}
