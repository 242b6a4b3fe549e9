import Glibc

/// A hundred megabytes that kill the host when one half of them has gone a part of their way.
struct Burden: Codable, Sendable {
    /// The parts of the way.
    enum Place: String, Codable, CaseIterable {
        case encodingArguments, decodingArguments, encodingResult, decodingResult
    }

    private enum CodingKeys: CodingKey {
        case place, host, isResult, first, second
    }

    private let place: Place
    private let host: Int32
    private var isResult = false
    private let first: [UInt8]
    private let second: [UInt8]

    /// - Parameter host: the process that is killed.
    init(_ place: Place, host: Int32) {
        self.place = place
        self.host = host
        first = [UInt8](repeating: 1, count: 50_000_000)
        second = first
    }

    static func carry(_ burden: Burden) -> Burden {
        var burden = burden
        burden.isResult = true
        return burden
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(place, forKey: .place)
        try container.encode(host, forKey: .host)
        try container.encode(isResult, forKey: .isResult)
        try container.encode(first, forKey: .first)
        killHost(at: isResult ? .encodingResult : .encodingArguments)
        try container.encode(second, forKey: .second)
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        place = try container.decode(Place.self, forKey: .place)
        host = try container.decode(Int32.self, forKey: .host)
        isResult = try container.decode(Bool.self, forKey: .isResult)
        first = try container.decode([UInt8].self, forKey: .first)
        second = []
        killHost(at: isResult ? .decodingResult : .decodingArguments)
    }

    private func killHost(at place: Place) {
        if place == self.place { kill(host, SIGKILL) }
    }
}
