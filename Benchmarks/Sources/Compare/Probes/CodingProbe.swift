@_spi(Benchmarking) import ConcurrentFutures
import FoundationEssentials
import Report

/// A list of records, to bytes and back.
enum CodingProbe {
    private struct Record: Codable, Equatable {
        var id: Int
        var name: String
        var email: String
        var age: UInt8
        var balance: Double
        var isActive: Bool
        var tag: String?
        var scores: [Int32]
    }

    static func ours(records: Int) throws -> Figures {
        try measure(records) { try decodeForBenchmarks([Record].self, from: encodeForBenchmarks($0)) }
    }

    static func json(records: Int) throws -> Figures {
        let encoder = JSONEncoder()
        let decoder = JSONDecoder()
        return try measure(records) { try decoder.decode([Record].self, from: encoder.encode($0)) }
    }

    static func propertyList(records: Int) throws -> Figures {
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        let decoder = PropertyListDecoder()
        return try measure(records) { try decoder.decode([Record].self, from: encoder.encode($0)) }
    }

    private static func measure(_ count: Int, _ roundTrip: ([Record]) throws -> [Record]) throws -> Figures {
        let records = (0..<count).map { n in
            Record(
                id: n,
                name: "name of number \(n)",
                email: "\(n)@example.org",
                age: UInt8(n % 100),
                balance: Double(n) / 8,
                isActive: n.isMultiple(of: 3),
                tag: n.isMultiple(of: 2) ? "even" : nil,
                scores: [Int32(n), 2, 3]
            )
        }
        var times: [Double] = []
        for _ in 0..<11 {
            times.append(
                try seconds {
                    let result = try roundTrip(records)
                    precondition(result == records, "a record is not what it was")
                }
            )
        }
        return ["coding": Sample(Array(times.dropFirst())).median * 1_000]
    }
}
