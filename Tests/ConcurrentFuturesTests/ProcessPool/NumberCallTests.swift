import Foundation
import Testing

@testable import ConcurrentFutures

private enum NumberWork {
    static func half(_ n: Int) -> Double { Double(n) / 2 }
    static func rounded(_ x: Double) -> Int { Int(x.rounded()) }
    static func negated(_ x: Double) -> Double { -x }

    struct Trap: Error, Codable {
        func encode(to encoder: any Encoder) throws { fatalError("no error is encoded") }
    }

    static func failToEncode(_ n: Int) throws -> Int {
        if n < 0 { throw Trap() }
        return n
    }

    static func failure(_ n: Int) throws -> Int { throw Refusal(number: n) }
}

@Suite("Calls with one number", .fewAtOnce, .serialized, .timeLimit(.minutes(3)))
struct NumberCallTests {
    @Test("bring what others do, for all kinds of functions and all kinds of numbers")
    func kinds() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(Work.square, -3_000_000_000) == 9_000_000_000_000_000_000)
            for n in [0, -1, .max, .min] { #expect(try await pool.run(NumberWork.half, n) == Double(n) / 2) }
            #expect(try await pool.run(NumberWork.rounded, -2.5) == -3)
            for x in [0, 1.5, -.infinity, .leastNonzeroMagnitude] as [Double] {
                #expect(try await pool.run(NumberWork.negated, x).bitPattern == (-x).bitPattern)
            }
            #expect(try await pool.run(NumberWork.negated, .nan).isNaN)
            await #expect(throws: Refusal(number: 7)) { try await pool.run(NumberWork.failure, 7) }
        }
    }

    @Test("are written as by the layers that serve every type")
    func encoding() throws {
        func check<Argument: Codable & Sendable>(_ argument: Argument) throws {
            let call = SingleCall(
                function: ConcurrentFutures.SyncFunction { (value: Argument) in value },
                arguments: argument
            )
            var encoder = BinaryEncoder()
            try call.encodeArguments(into: &encoder)
            let usual = encoder.takeBytes()
            let number = try #require(call.encodedNumber)
            #expect(number.withUnsafeBytes { [UInt8]($0) } == usual)
        }
        for n in [0, 1, -1, .min, .max] { try check(n) }
        for x in [0.0, -0.0, 1.5, .infinity, .nan] { try check(x) }
        let other = SingleCall(function: ConcurrentFutures.SyncFunction { (n: Int8) in n }, arguments: 1)
        #expect(other.encodedNumber == nil)
        var short = BinaryEncoder()
        var usual = BinaryEncoder()
        Outcome.append(number: 5, to: &short)
        Outcome.append(value: 5, of: ConcurrentFutures.SyncFunction<Int, Int>.self, to: &usual)
        #expect(short.takeBytes() == usual.takeBytes())
    }

    @Test("that throw what cannot be encoded are told from those that crash while they run")
    func stage() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let single = await pool.submit(NumberWork.failToEncode, -1).result.error as? PoolError
            #expect(single?.code == .workerCrashed)
            #expect(single?.message.contains("encoded the result") == true, "\(single?.message ?? "")")
            let batch = await pool.map([1, 2, -1, 3], chunkSize: 4, NumberWork.failToEncode).results.collect()
            let item = batch[2].error as? PoolError
            #expect(item?.message.contains("encoded the result") == true, "\(item?.message ?? "")")
        }
    }
}
