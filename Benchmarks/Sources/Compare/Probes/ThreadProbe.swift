import ConcurrentFutures
import Dispatch
import NIOCore
import NIOPosix
import Report

/// Pools of threads in this process, of two threads where that can be said: one call after another, and many tasks at once.
enum ThreadProbe {
    private static let threads = 2

    /// The same for all: one at a time, after a warm-up, and as many as `tasks` together.
    nonisolated(nonsending) private static func measure(
        _ tasks: Int,
        one: nonisolated(nonsending) (Int) async throws -> Int,
        many: nonisolated(nonsending) (Int) async throws -> Int
    ) async throws -> Figures {
        let calls = tasks / 50
        _ = try await p50(calls / 10, one)
        let latency = try await p50(calls, one)
        _ = try await many(tasks / 10)
        let time = try await seconds {
            let sum = try await many(tasks)
            precondition(sum == sumOfSquares(tasks), "a task's value is not its argument's square")
        }
        return ["thread-run": latency, "thread-submit": Double(tasks) / time]
    }

    @concurrent static func ours(tasks: Int) async throws -> Figures {
        try await withThreadPool(maxWorkers: threads) { pool in
            try await measure(tasks) { n in
                try await pool.run(square, n)
            } many: { count in
                var futures: [Future<Int>] = []
                futures.reserveCapacity(count)
                for n in 0..<count { futures.append(pool.submit(square, n)) }
                var sum = 0
                for future in futures { sum &+= try await future.value }
                return sum
            }
        }
    }

    /// Its futures need an event loop, on which they are told their values.
    @concurrent static func nio(tasks: Int) async throws -> Figures {
        let pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let figures = try await measure(tasks) { n in
            try await pool.runIfActive { square(n) }
        } many: { count in
            let futures = (0..<count).map { n in pool.runIfActive(eventLoop: loop) { square(n) } }
            return try await EventLoopFuture.whenAllSucceed(futures, on: loop).get().reduce(0, &+)
        }
        try await pool.shutdownGracefully()
        try await group.shutdownGracefully()
        return figures
    }

    /// It has no futures: each task writes its value to its place, and the group says when all have.
    @concurrent static func dispatch(tasks: Int) async throws -> Figures {
        let queue = DispatchQueue(label: "compare", attributes: .concurrent)
        return try await measure(tasks) { n in
            await withUnsafeContinuation { continuation in
                queue.async { continuation.resume(returning: square(n)) }
            }
        } many: { count in
            let values = Values(count: count)
            let group = DispatchGroup()
            for n in 0..<count { queue.async(group: group) { values[n] = square(n) } }
            await withUnsafeContinuation { continuation in
                group.notify(queue: queue) { continuation.resume() }
            }
            return values.sum
        }
    }

    /// Places for values, each of which one task writes.
    private final class Values: @unchecked Sendable {
        private let places: UnsafeMutableBufferPointer<Int>

        init(count: Int) {
            places = .allocate(capacity: count)
            places.initialize(repeating: 0)
        }

        deinit { places.deallocate() }

        subscript(index: Int) -> Int {
            get { places[index] }
            set { places[index] = newValue }
        }

        var sum: Int { places.reduce(0, &+) }
    }

    @concurrent static func taskGroup(tasks: Int) async throws -> Figures {
        try await measure(tasks) { n in
            await withTaskGroup(of: Int.self) { group in
                group.addTask { square(n) }
                return await group.next()!
            }
        } many: { count in
            await withTaskGroup(of: Int.self) { group in
                for n in 0..<count { group.addTask { square(n) } }
                return await group.reduce(0, &+)
            }
        }
    }
}
