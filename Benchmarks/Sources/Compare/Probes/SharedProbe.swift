import ConcurrentFutures
import Report

private func pass(_ array: SharedArray<UInt8>) -> SharedArray<UInt8> { array }

/// A shared array to a worker and back.
enum SharedProbe {
    @concurrent static func ours(mebibytes: Int) async throws -> Figures {
        let array = try SharedArray<UInt8>(repeating: 7, count: mebibytes << 20)
        return try await withWarmPool { pool in
            var times: [Double] = []
            for _ in 0..<101 {
                times.append(
                    try await seconds {
                        let result = try await pool.run(pass, array)
                        precondition(result.count == array.count && result.last == 7)
                    }
                )
            }
            return ["shared": Sample(Array(times.dropFirst())).median * 1e6]
        }
    }
}
