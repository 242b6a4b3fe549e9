import CFloor
import Report

/// What the machine can do without any pool.
enum Floor {
    struct Refused: Error {}

    static func roundTrip(calls: Int) throws -> Figures {
        var times = [UInt64](repeating: 0, count: calls)
        guard floor_round_trips(calls, &times) == 0 else { throw Refused() }
        let p50 = Sample(times.map { Double($0) }).median / 1_000
        return ["run": p50, "get": p50]
    }

    static func submit(messages: Int) throws -> Figures {
        try ["submit": positive(floor_messages_per_second(messages))]
    }

    static func payload(mebibytes: Int) throws -> Figures {
        var times = [UInt64](repeating: 0, count: 5)
        guard floor_copies(mebibytes << 20, times.count, &times) == 0 else { throw Refused() }
        let rate = Double(mebibytes) / 1024 / (Sample(times.map { Double($0) }).median / 1e9)
        return ["argument": rate, "result": rate, "argument-read": rate, "result-read": rate]
    }

    static func fresh(processes: Int) throws -> Figures {
        try ["fresh": positive(floor_forks_per_second(processes))]
    }

    private static func positive(_ rate: Double) throws -> Double {
        guard rate > 0 else { throw Refused() }
        return rate
    }
}
