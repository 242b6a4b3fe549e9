import ConcurrentFutures
import Dispatch
import Glibc
import Synchronization
import Testing

private enum MainThreadWork {
    private static let number = Mutex(0)
    private static let isBeingMade = Atomic(false)
    private static let isWanted = Atomic(false)

    private static let madeOnMain: Int = {
        isBeingMade.store(true, ordering: .releasing)
        while !isWanted.load(ordering: .acquiring) { sched_yield() }
        // Whoever wants it has said so right before it asks for it, and then waits; that cannot be seen from here.
        usleep(50_000)
        return 7
    }()

    /// The main thread makes a static value while another thread waits for it.
    static func makeStatic() async -> Int {
        let other = Task.detached {
            while !isBeingMade.load(ordering: .acquiring) { sched_yield() }
            isWanted.store(true, ordering: .releasing)
            return madeOnMain
        }
        let main = await MainActor.run { madeOnMain }
        return await main + other.value
    }

    static func touchMutex() {
        number.withLock { $0 = 0 }
    }

    static func leaveWorkOnMainQueue() {
        DispatchQueue.main.async { number.withLock { $0 += 1 } }
    }

    /// Waits for the main thread without giving it anything, which would wake it.
    static func awaitNumber(_ n: Int) async throws -> Int {
        while number.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(1)) }
        return await MainActor.run { number.withLock { $0 } }
    }

    /// The main thread and another one want one mutex again and again.
    static func share(_ count: Int) async -> Int {
        let other = Task.detached { add(count) }
        await MainActor.run { add(count) }
        await other.value
        return number.withLock { $0 }
    }

    private static func add(_ count: Int) {
        for _ in 0..<count {
            number.withLock { number in
                number += 1
                // Long enough for the other thread to go to sleep.
                usleep(10)
            }
        }
    }
}

@Suite("A worker's main thread", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct MainThreadTests {
    // P12
    @Test("makes a static value that another thread waits for", arguments: StartMethod.allCases)
    func statics(method: StartMethod) async throws {
        try await withProcessPool(maxWorkers: 1, startMethod: method) { pool async throws in
            #expect(try await pool.run(MainThreadWork.makeStatic, timeout: .seconds(20)) == 14)
        }
    }

    // P12
    @Test("shares a mutex that was used before it was forked")
    func mutex() async throws {
        try await withProcessPool(maxWorkers: 1, preload: .call(MainThreadWork.touchMutex)) { pool async throws in
            #expect(try await pool.run(MainThreadWork.share, 1000, timeout: .seconds(20)) == 2000)
        }
    }

    // P12
    @Test("runs what the preload has left on the main queue, in each worker, and what comes later")
    func inheritedWork() async throws {
        try await withProcessPool(
            maxWorkers: 2,
            preload: .call(MainThreadWork.leaveWorkOnMainQueue),
            options: ProcessPoolOptions(maxTasksPerWorker: 1)
        ) { pool async throws in
            for n in 0..<6 {
                #expect(try await pool.run(MainThreadWork.awaitNumber, n, timeout: .seconds(20)) == 1)
            }
        }
    }
}
