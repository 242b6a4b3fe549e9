import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("asCompleted", .timeLimit(.minutes(5)))
struct AsCompletedTests {
    let control = TestControl()

    func futures(_ count: Int) -> [Future<Int>] {
        (0..<count).map { _ in control.future(of: Int.self) }
    }

    // A1
    @Test("each future comes once, those already finished first, then as they end")
    func order() async {
        let futures = futures(5)
        futures[3].complete(.success(3))
        futures[1].completeCancelled()
        var seen: [Future<Int>] = []
        var next = [4, 0, 2]
        for await future in asCompleted(futures) {
            #expect(future.isDone)
            seen.append(future)
            if seen.count >= 2, !next.isEmpty { Ending.encodedError.end(futures[next.removeFirst()]) }
        }
        #expect(seen == [1, 3, 4, 0, 2].map { futures[$0] })
    }

    // A1
    @Test("those that end between two steps come in the order in which they ended")
    func batches() async {
        let futures = futures(4)
        var iterator = asCompleted(futures).makeAsyncIterator()
        for index in [2, 0, 3, 1] { futures[index].complete(.success(0)) }
        for index in [2, 0, 3, 1] { #expect(await iterator.next(isolation: nil) == futures[index]) }
        #expect(await iterator.next(isolation: nil) == nil)
        #expect(await iterator.next(isolation: nil) == nil)
    }

    // A1
    @Test("a future wakes the task that waits for the next one")
    func wakes() async {
        let futures = futures(3)
        let loop = Task {
            var seen: [Future<Int>] = []
            for await future in asCompleted(futures) { seen.append(future) }
            return seen
        }
        await eventually { futures.allSatisfy { $0.waiterCount == 1 } }
        for index in [1, 2, 0] {
            Thread { futures[index].complete(.success(0)) }.start()
            await eventually { futures[index].isDone && futures[index].waiterCount == 0 }
        }
        #expect(await loop.value == [1, 2, 0].map { futures[$0] })
    }

    // A2
    @Test("after the time it gives the finished ones, then says how many are unfinished", arguments: [0, 0.005])
    func timeout(seconds: Double) async {
        let futures = futures(4)
        futures[2].complete(.success(2))
        futures[0].complete(.failure(TestError()))
        var seen: [Future<Int>] = []
        let error = await #expect(throws: PoolError.self) {
            for try await future in asCompleted(futures, timeout: .seconds(seconds)) { seen.append(future) }
        }
        #expect(seen == [futures[0], futures[2]])
        #expect(error?.code == .timedOut)
        #expect(error?.message == "2 (of 4) futures unfinished")
        #expect(futures.allSatisfy { $0.waiterCount == 0 })
        #expect(!futures[1].isCancelled)
    }

    // A2
    @Test("no time limit is hit by futures that have all finished")
    func timeoutOfFinished() async throws {
        let futures = futures(3)
        for future in futures { future.complete(.success(0)) }
        var count = 0
        for try await _ in asCompleted(futures, timeout: .zero) { count += 1 }
        for try await _ in asCompleted([] as [Future<Int>], timeout: .zero) { count += 1 }
        #expect(count == 3)
    }

    // A3
    @Test("it takes any sequence, and a future that stands there twice comes once")
    func sequences() async {
        let futures = futures(3)
        for future in futures { future.complete(.success(1)) }
        let nameOf = Dictionary(uniqueKeysWithValues: zip(futures, ["a", "b", "c"]))
        var names: [String?] = []
        for await future in asCompleted(nameOf.keys) { names.append(nameOf[future]) }
        #expect(Set(names) == ["a", "b", "c"] && names.count == 3)
        var count = 0
        for await _ in asCompleted(futures + futures) { count += 1 }
        for await _ in asCompleted(futures.lazy.map(\.self)) { count += 1 }
        for await _ in asCompleted(Set(futures)) { count += 1 }
        for await _ in asCompleted(AnySequence(futures.reversed())) { count += 1 }
        for await _ in asCompleted(EmptyCollection<Future<Int>>()) { count += 1 }
        #expect(count == 12)
        let pending = control.future(of: Int.self)
        let loop = Task {
            var count = 0
            for await _ in asCompleted([pending, pending]) { count += 1 }
            return count
        }
        await eventually { pending.waiterCount == 1 }
        pending.complete(.success(1))
        #expect(await loop.value == 1)
    }

    // A4
    @Test("it keeps no future alive that it has given")
    func keepsNothing() async {
        var alive = 0
        var iterator = asCompleted((0..<3).map { Future.returned($0) }).makeAsyncIterator()
        for _ in 0..<3 {
            weak let given = await iterator.next(isolation: nil)
            if given != nil { alive += 1 }
        }
        #expect(alive == 0)
    }

    // A5
    @Test("leaving the loop early leaves nothing behind in the futures")
    func leavingEarly() async throws {
        let futures = futures(10)
        futures[4].complete(.success(4))
        for await _ in asCompleted(futures) {
            #expect(futures[5].waiterCount == 1)
            break
        }
        #expect(futures.allSatisfy { $0.waiterCount == 0 })
        for try await _ in asCompleted(futures, timeout: testBound) { break }
        #expect(futures.allSatisfy { $0.waiterCount == 0 })
        for future in futures[5...] { future.complete(.success(1)) }
    }

    @Test("cancelling the waiting task ends the loop, and throws where there is a time limit")
    func cancelling() async {
        let futures = futures(3)
        futures[0].complete(.success(0))
        let plain = Task {
            var count = 0
            for await _ in asCompleted(futures) { count += 1 }
            return count
        }
        let timed = Task {
            for try await _ in asCompleted(futures, timeout: testBound) {}
        }
        await eventually { futures[1].waiterCount == 2 }
        plain.cancel()
        timed.cancel()
        #expect(await plain.value == 1)
        await #expect(throws: CancellationError.self) { try await timed.value }
        #expect(futures[1].waiterCount == 0 && !futures[1].isDone)
    }

    @Test("a hundred that end at once from four threads all come")
    func concurrent() async {
        for _ in 0..<50 {
            let futures = futures(100)
            let completing = Task {
                await withTaskGroup { group in
                    for start in 0..<4 {
                        group.addTask {
                            for index in stride(from: start, to: 100, by: 4) {
                                futures[index].complete(.success(index))
                            }
                        }
                    }
                }
            }
            var seen: Set<Future<Int>> = []
            for await future in asCompleted(futures) { #expect(seen.insert(future).inserted) }
            #expect(seen == Set(futures))
            await completing.value
        }
    }
}
