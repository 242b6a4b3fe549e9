import ConcurrentFutures
import Foundation
import Synchronization
import Testing

@Suite(.fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct ThreadPoolTests {
    // E13
    @Test("zero or negative workers are refused with a clear error", arguments: [0, -1])
    func badWorkers(count: Int) {
        let error = #expect(throws: PoolError.self) { try ThreadPoolExecutor(maxWorkers: count) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("maxWorkers") == true)
    }

    @Test("closures may capture, and values need only be Sendable")
    func captures() async throws {
        final class Box: Sendable {
            let number: Int
            init(_ number: Int) { self.number = number }
        }
        let box = Box(5)
        try await withThreadPool(maxWorkers: 2) { pool in
            let doubled = try await pool.submit { Box(box.number * 2) }.value
            #expect(doubled.number == 10)
            let sum = try await pool.run({ $0.number + $1 }, box, 3)
            #expect(sum == 8)
            let later = try await pool.run {
                await Task.yield(); return Box(box.number)
            }
            #expect(later.number == 5)
            let mapped = try await pool.map(1...3) { Box($0 * box.number) }.collect()
            #expect(mapped.map(\.number) == [5, 10, 15])
            let boxes = try await pool.mapUnordered([box, box], chunkSize: 2) { try await pool.run(\.number, $0) }
                .collect()
            #expect(boxes == [5, 5])
            let nothing: Void = try await pool.run { _ = box }
            #expect(nothing == ())
        }
    }

    // E11
    @Test("what a function captures does not live on after the task, even if the future was dropped")
    func capturesAreReleased() async throws {
        final class Token: Sendable {}
        try await withThreadPool(maxWorkers: 1) { pool in
            weak var captured: Token?
            do {
                let token = Token()
                captured = token
                pool.submit { _ = token }
            }
            try await pool.run {}
            #expect(await becomesTrue { captured == nil })
        }
    }

    // E16
    @Test("dropping the executor without shutdown leaves no thread")
    func droppedPoolLeavesNoThread() async throws {
        let name = "dropped"
        var pool: ThreadPoolExecutor? = try ThreadPoolExecutor(maxWorkers: 3, idleTimeout: .seconds(3600), name: name)
        let futures = (0..<30).compactMap { n in pool?.submit { n } }
        futures[29].onCompletion { _ in }
        pool = nil
        for future in futures { _ = try await future.value }
        #expect(await becomesTrue { threadNames(name).isEmpty })
    }

    // E17
    @Test("leaving the scope by an error cancels and cleans up")
    func scopeWithError() async throws {
        let pending = Mutex<Future<Int>?>(nil)
        let running = Mutex<Future<Bool>?>(nil)
        await #expect(throws: Refusal.self) {
            try await withThreadPool(maxWorkers: 1, name: "scope-error") { pool in
                let started = Signal()
                running.withLock {
                    $0 = pool.submit {
                        started.set(); return waitUntilCancelled()
                    }
                }
                pending.withLock { $0 = pool.submit { 1 } }
                await started.wait()
                throw Refusal(number: 1)
            }
        }
        #expect(threadNames("scope-error").isEmpty)
        #expect(pending.withLock { $0?.isCancelled } == true)
        let wasCancelled = try await running.withLock { $0 }?.value
        #expect(wasCancelled == true)
    }

    // E17
    @Test("cancelling the task around the scope cancels the work in it")
    func scopeCancelled() async throws {
        let started = Signal()
        let scope = Task {
            try await withThreadPool(maxWorkers: 1, name: "scope-cancel") { pool in
                pool.submit {
                    started.set(); return waitUntilCancelled()
                }
            }
        }
        await started.wait()
        scope.cancel()
        let future = try await scope.value
        let wasCancelled = try await future.value
        #expect(wasCancelled)
        #expect(threadNames("scope-cancel").isEmpty)
    }

    // E17
    @Test("the scope's body runs in the caller's isolation, and a normal return drains")
    @MainActor func scopeIsolation() async throws {
        var futures: [Future<Int>] = []
        let count = try await withThreadPool(maxWorkers: 2, name: "scope-drain") { pool in
            MainActor.assertIsolated()
            for n in 0..<50 { futures.append(pool.submit { n }) }
            return futures.count
        }
        #expect(count == 50)
        #expect(futures.allSatisfy { $0.isDone && !$0.isCancelled })
        #expect(threadNames("scope-drain").isEmpty)
    }

    // E21
    @Test("an idle thread is used before a new one is started")
    func idleThreadFirst() async throws {
        try await withThreadPool(maxWorkers: 8, name: "one-of-many") { pool in
            for n in 0..<50 { _ = try await pool.run { n } }
            #expect(threadNames("one-of-many").count == 1)
        }
    }

    // T1
    @Test("a hundred blocking tasks do not hold up the cooperative pool")
    func blockingTasks() async throws {
        let open = DispatchSemaphore(value: 0)
        try await withThreadPool(maxWorkers: 100) { pool in
            let futures = (0..<100).map { _ in pool.submit { open.wait() } }
            let sum = await withTaskGroup(of: Int.self) { group in
                for n in 0..<100 {
                    group.addTask {
                        await Task.yield(); return n
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(sum == 4950)
            #expect(futures.allSatisfy { !$0.isDone })
            for _ in 0..<100 { open.signal() }
        }
    }

    // T2
    @Test("threads are named")
    func names() async throws {
        try await withThreadPool(maxWorkers: 1, name: "named-ünïcödé-pool") { pool in
            let name = try await pool.run { threadNames("named").first }
            #expect(name?.hasSuffix("-1") == true)
        }
    }

    // T3
    @Test("idle threads go after the idle time, and come back when needed")
    func idleTime() async throws {
        let name = "idle"
        try await withThreadPool(maxWorkers: 4, idleTimeout: .milliseconds(5), name: name) { pool in
            for _ in 0..<3 {
                let squares = try await pool.map(0..<50, chunkSize: 1, Work.square).collect()
                #expect(squares.count == 50)
                #expect(await becomesTrue { threadNames(name).isEmpty })
            }
        }
    }

    // T4, F5
    @Test("a cancelled task that has not started never runs, one that runs sees it", arguments: [true, false])
    func cancelling(isAsync: Bool) async throws {
        let hasRun = Mutex(false)
        try await withThreadPool(maxWorkers: 1) { pool in
            let started = Signal()
            let running =
                isAsync
                ? pool.submit { () async in
                    started.set()
                    while !Task.isCancelled { await Task.yield() }
                    return true
                }
                : pool.submit {
                    started.set(); return waitUntilCancelled()
                }
            let pending = pool.submit { hasRun.withLock { $0 = true } }
            await started.wait()
            #expect(running.isRunning && !pending.isRunning)
            #expect(pending.cancel())
            #expect(pending.isCancelled)
            #expect(!running.cancel())
            let sawIt = try await running.value
            #expect(sawIt)
            #expect(!running.isCancelled)
        }
        #expect(!hasRun.withLock { $0 })
    }

    // T4
    @Test("cancelling the task around `run` cancels the call, and `run` returns when it has ended")
    func cancelledRun() async throws {
        try await withThreadPool(maxWorkers: 1) { pool in
            let started = Signal()
            let hasEnded = Mutex(false)
            let call = Task {
                try await pool.run {
                    started.set()
                    defer { hasEnded.withLock { $0 = true } }
                    return waitUntilCancelled()
                }
            }
            await started.wait()
            call.cancel()
            let sawIt = try await call.value
            #expect(sawIt)
            #expect(hasEnded.withLock { $0 })
        }
    }

    // T5
    @Test("as a task executor it runs async code on its threads")
    func taskExecutor() async throws {
        let pool = try ThreadPoolExecutor(maxWorkers: 2, name: "preferred")
        let names = await Task(executorPreference: pool) {
            var names = [currentThreadName()]
            for _ in 0..<10 {
                await Task.yield()
                names.append(currentThreadName())
            }
            async let other = currentThreadName()
            return names + [await other]
        }.value
        #expect(names.allSatisfy { $0.hasPrefix("preferred") })
        await pool.shutdown()
        let afterwards = await Task(executorPreference: pool) { currentThreadName() }.value
        #expect(afterwards.hasPrefix("preferred"))
        #expect(await becomesTrue { threadNames("preferred").isEmpty })
    }

    @Test("an async task runs on the pool's threads and holds none while it is suspended")
    func asyncTasks() async throws {
        try await withThreadPool(maxWorkers: 2, name: "async") { pool in
            let open = Signal()
            let waiting = pool.submit {
                await open.wait(); return currentThreadName()
            }
            let other = try await pool.run { currentThreadName() }
            #expect(other.hasPrefix("async"))
            open.set()
            let name = try await waiting.value
            #expect(name.hasPrefix("async"))
        }
    }

    // T6
    @Test("an initializer runs once a thread, before its first task")
    func initializer() async throws {
        let calls = Mutex<[String]>([])
        try await withThreadPool(
            maxWorkers: 3,
            idleTimeout: .seconds(3600),
            name: "init",
            initializer: { calls.withLock { $0.append(currentThreadName()) } }
        ) { pool in
            for _ in 0..<20 {
                let isKnown = try await pool.run {
                    let name = currentThreadName(); return calls.withLock { $0.contains(name) }
                }
                #expect(isKnown)
            }
            _ = try await pool.map(0..<50, chunkSize: 1, Work.square).collect()
        }
        let names = calls.withLock { $0 }
        #expect(Set(names).count == names.count && names.count <= 3)
    }

    // T6
    @Test("an initializer that fails breaks the pool with that cause")
    func failingInitializer() async throws {
        let pool = try ThreadPoolExecutor(maxWorkers: 2, initializer: { throw Refusal(number: 3) })
        for future in (0..<5).map({ n in pool.submit { n } }) {
            let error = await #expect(throws: PoolError.self) { try await future.value }
            #expect(error?.code == .brokenPool)
            #expect(error?.underlying as? Refusal == Refusal(number: 3))
        }
        let value = await Task(executorPreference: pool) { 5 }.value
        #expect(value == 5)
        await pool.shutdown()
    }

    // F13
    @Test("a callback that blocks delays no task")
    func blockingCallback() async throws {
        try await withThreadPool(maxWorkers: 1) { pool in
            let isAdded = DispatchSemaphore(value: 0)
            let open = DispatchSemaphore(value: 0)
            // A callback that comes late would run, and block, right here.
            let future = pool.submit { isAdded.wait() }
            future.onCompletion { _ in open.wait() }
            isAdded.signal()
            let value = try await pool.run { 2 }
            #expect(value == 2)
            open.signal()
        }
    }
}

private func waitUntilCancelled() -> Bool {
    let deadline = ContinuousClock.now + testBound
    while !Task.isCancelled, .now < deadline { Thread.sleep(forTimeInterval: 0.0005) }
    return Task.isCancelled
}

private func currentThreadName() -> String {
    (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
}

/// Something that happens once.
private final class Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func set() { continuation.finish() }

    func wait() async {
        for await _ in stream {}
    }
}
