import ConcurrentFutures
import Report

/// Big values, one at a time.
enum PayloadProbe {
    @concurrent static func ours(mebibytes: Int) async throws -> Figures {
        let count = mebibytes << 20
        let bytes = [UInt8](repeating: 7, count: count)
        return try await withWarmPool { pool in
            [
                "argument": try await rate(count) {
                    let result = try await pool.run(length, bytes)
                    precondition(result == count)
                },
                "result": try await rate(count) {
                    let result = try await pool.run(blob, count)
                    precondition(result.count == count && result.last == 7)
                },
                // A big array has its pages when they are first read.
                "argument-read": try await rate(count) {
                    let result = try await pool.run(lengthWithoutByte, bytes)
                    precondition(result == count)
                },
                "result-read": try await rate(count) {
                    let result = try await pool.run(blob, count)
                    precondition(lengthWithoutByte(result) == count)
                },
            ]
        }
    }

    /// GiB a second.
    nonisolated(nonsending) private static func rate(
        _ count: Int,
        _ call: nonisolated(nonsending) () async throws -> Void
    ) async throws -> Double {
        var times: [Double] = []
        for _ in 0..<6 { times.append(try await seconds(call)) }
        // The first one meets workers that have not seen that much before.
        return Double(count) / Sample(Array(times.dropFirst())).median / Double(1 << 30)
    }
}
