import ConcurrentFutures
import Synchronization
import Testing

private enum SubmissionWork {
    private static let count = Atomic<Int>(0)

    /// How many calls there were before, and what this one was given.
    static func number(_ label: Int) -> [Int] {
        [count.wrappingAdd(1, ordering: .relaxed).oldValue, label]
    }
}

@Suite("Submitting from many threads", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct SubmissionTests {
    @Test("every task runs once, and those of one thread in their order")
    func order() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let results = try await withThrowingTaskGroup(of: [Int].self) { group in
                for submitter in 0..<8 {
                    group.addTask {
                        let futures = (0..<2000).map { pool.submit(SubmissionWork.number, submitter * 10_000 + $0) }
                        var places: [Int] = []
                        for (n, future) in futures.enumerated() {
                            let result = try await future.value
                            #expect(result[1] == submitter * 10_000 + n)
                            places.append(result[0])
                        }
                        return places
                    }
                }
                return try await group.reduce(into: [[Int]]()) { $0.append($1) }
            }
            for places in results { #expect(places == places.sorted()) }
            #expect(Set(results.joined()) == Set(0..<16_000))
        }
    }

    @Test("what is cancelled right after it was submitted never runs, or runs, and is told one way")
    func cancelling() async throws {
        try await withProcessPool(maxWorkers: 2) { pool async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for submitter in 0..<4 {
                    group.addTask {
                        for n in 0..<500 {
                            let future = pool.submit(SubmissionWork.number, n)
                            let isPromised = (n + submitter).isMultiple(of: 2) && future.cancel()
                            let result = await future.result
                            switch result {
                            case .success(let values): #expect(!isPromised && values[1] == n)
                            case .failure(let error): #expect(isPromised && error is CancellationError)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
