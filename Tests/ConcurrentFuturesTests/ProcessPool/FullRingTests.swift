import Foundation
import Testing

@testable import ConcurrentFutures

// Each ring holds 256 KiB, so a handful of these requests or results.

@Suite("Full rings", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct FullRingTests {
    private struct Load: Codable, Sendable {
        var number: Int
        var bytes: [UInt8]

        init(_ number: Int) {
            self.number = number
            // Of many lengths, so that frames end everywhere in a ring; some results travel in files of their own.
            bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 5_000 + number * 37 % 20_000)
        }

        /// What comes back is twice as long: a ring full of requests has more answers than the other ring holds.
        static func turn(_ load: Load) -> Load {
            var result = load
            result.number.negate()
            result.bytes += load.bytes
            return result
        }

        static func dieOrTurn(_ load: Load) -> Load {
            if load.number % 200 == 100 { ProcessWork.Death.allCases[load.number / 200 % 6].happen() }
            return turn(load)
        }

        func isTurned(from load: Load) -> Bool {
            number == -load.number && bytes == load.bytes + load.bytes
        }
    }

    // D4
    @Test("with thousands in flight both ways nothing stands still", arguments: StartMethod.allCases)
    func thousands(method: StartMethod) async throws {
        try await withinBound {
            try await withProcessPool(maxWorkers: 2, startMethod: method) { pool async throws in
                let loads = (0..<2000).map { Load($0) }
                let futures = loads.map { pool.submit(Load.turn, $0) }
                for (load, future) in zip(loads, futures) { #expect(try await future.value.isTurned(from: load)) }
            }
        }
    }

    // D4
    @Test("nor when workers end in between: only what ended them is lost")
    func thousandsAndDeaths() async throws {
        try await withinBound {
            try await withProcessPool(maxWorkers: 2) { pool async throws in
                let loads = (0..<2000).map { Load($0) }
                let futures = loads.map { pool.submit(Load.dieOrTurn, $0) }
                for (load, future) in zip(loads, futures) {
                    switch await future.result {
                    case .success(let turned): #expect(turned.isTurned(from: load))
                    case .failure(let error):
                        #expect(load.number % 200 == 100 && (error as? PoolError)?.code == .workerCrashed)
                    }
                }
            }
        }
    }

    // D4
    @Test("nor when workers are killed at any point: as many tasks are lost as workers were killed, at most")
    func killedAnywhere() async throws {
        try await withinBound {
            try await withProcessPool(maxWorkers: 2) { pool async throws in
                let loads = (0..<2000).map { Load($0) }
                let futures = loads.map { pool.submit(Load.turn, $0) }
                var kills = 0
                var losses = 0
                for (load, future) in zip(loads, futures) {
                    if load.number % 100 == 50, let keeper = pool.forkServerPid,
                        let worker = ProcessWork.children(of: keeper).first
                    {
                        kill(worker, SIGKILL)
                        kills += 1
                    }
                    switch await future.result {
                    case .success(let turned): #expect(turned.isTurned(from: load))
                    case .failure(let error):
                        losses += 1
                        #expect((error as? PoolError)?.signal == SIGKILL)
                    }
                }
                #expect(kills > 0 && losses <= kills)
            }
        }
    }

    // D4
    @Test("nor when one request brings more results than the ring holds, and each result brings a request")
    func manyResultsOfOneRequest() async throws {
        try await withinBound {
            try await withProcessPool(maxWorkers: 2) { pool async throws in
                let more = Log<(load: Load, future: Future<Load>)>()
                let loads = (0..<300).map { Load($0) }
                var count = 0
                for try await turned in pool.map(loads, chunkSize: 150, Load.turn) {
                    #expect(turned.isTurned(from: loads[count]))
                    count += 1
                    pool.submit(Work.answer).onCompletion { _ in more.append((turned, pool.submit(Load.turn, turned))) }
                }
                #expect(count == 300)
                #expect(await becomesTrue { more.elements.count == 300 })
                for (load, future) in more.elements { #expect(try await future.value.isTurned(from: load)) }
            }
        }
    }
}
