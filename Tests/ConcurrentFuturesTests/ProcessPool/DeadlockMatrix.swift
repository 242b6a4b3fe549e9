import Foundation
import Testing

@testable import ConcurrentFutures

// The deadlock matrix: every stage of a call × every failure × every way to submit it. Nothing of it is written down case by case: a case
// is described, its parcel does what the description says, and what is to come of it is computed.

/// Where a call can fail on its way there and back.
enum CallStage: String, Codable, CaseIterable, Sendable {
    case encodeArgument, decodeArgument, run, encodeResult, decodeResult

    /// These two happen in the host, where only an error can be survived.
    var isInHost: Bool { self == .encodeArgument || self == .decodeResult }

    var testDescription: String {
        switch self {
        case .encodeArgument: "encoding an argument"
        case .decodeArgument: "decoding an argument"
        case .run: "running"
        case .encodeResult: "encoding a result"
        case .decodeResult: "decoding a result"
        }
    }
}

enum CallFailure: Codable, Hashable, Sendable {
    case error
    case death(ProcessWork.Death)

    static let all: [CallFailure] =
        [.error] + [.exitZero, .exitFortyTwo, .trap, .segmentationFault, .kill].map { .death($0) }

    var testDescription: String {
        switch self {
        case .error: "throws"
        case .death(let death): death.rawValue
        }
    }
}

/// What happens to a parcel at one stage: it fails, where a gate stands only after it was opened.
struct Mishap: Codable, Sendable {
    struct Broken: Error, Codable, Equatable, CustomStringConvertible {
        var stage: CallStage
        var description: String { "this parcel breaks in \(stage.rawValue)" }
    }

    var stage: CallStage
    var failure: CallFailure?
    var gate: FileGate?

    /// What the gate calls who has come to it.
    static let name = "parcel"

    func happen(at place: CallStage) throws {
        // The host is not to be held up: a parcel that fails there waits before it is sent back.
        if place == (stage.isInHost ? .run : stage), let gate { _ = try Work.passGate(gate, Self.name) }
        guard place == stage else { return }
        switch failure {
        case nil: break
        case .error: throw Broken(stage: stage)
        case .death(let death): death.happen()
        }
    }
}

/// An argument and a result that fails where it is told to, in the midst of its fields.
struct Parcel: Codable, Sendable {
    var number: Int
    var bytes: [UInt8] = []
    var mishap: Mishap?
    var isResult = false

    private enum CodingKeys: CodingKey { case isResult, mishap, bytes, number }

    init(_ number: Int, bytes: [UInt8] = [], mishap: Mishap? = nil) {
        self.number = number
        self.bytes = bytes
        self.mishap = mishap
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        isResult = try container.decode(Bool.self, forKey: .isResult)
        mishap = try container.decodeIfPresent(Mishap.self, forKey: .mishap)
        bytes = try container.decode([UInt8].self, forKey: .bytes)
        try mishap?.happen(at: isResult ? .decodeResult : .decodeArgument)
        number = try container.decode(Int.self, forKey: .number)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(isResult, forKey: .isResult)
        try container.encodeIfPresent(mishap, forKey: .mishap)
        try container.encode(bytes, forKey: .bytes)
        try mishap?.happen(at: isResult ? .encodeResult : .encodeArgument)
        try container.encode(number, forKey: .number)
    }

    /// The task: gives the same back, its number squared.
    static func deliver(_ parcel: Parcel) throws -> Parcel {
        try parcel.mishap?.happen(at: .run)
        var result = parcel
        result.number *= parcel.number
        result.isResult = true
        return result
    }

    static func deliverLater(_ parcel: Parcel) async throws -> Parcel {
        await Task.yield()
        return try deliver(parcel)
    }

    /// Whether this is what ``deliver(_:)`` makes of that.
    func isDelivered(of parcel: Parcel) -> Bool {
        isResult && number == parcel.number * parcel.number && bytes.count == parcel.bytes.count
            && memcmp(bytes, parcel.bytes, bytes.count) == 0
    }
}

/// One case of the matrix.
struct MatrixCase: Sendable, CustomTestStringConvertible {
    enum Way: String, CaseIterable, Sendable {
        case direct = "submitted directly"
        case fromCallback = "submitted by a callback"
        case whileShuttingDown = "while the pool shuts down"
    }

    enum Form: String, Sendable {
        case submit
        /// An item of a batch, with others before and behind it.
        case map
    }

    var stage: CallStage
    var failure: CallFailure
    var way: Way
    var form: Form
    var isAsync: Bool
    var startMethod: StartMethod
    /// How many bytes the failing call, one at work beside it and one behind it carry, there and back.
    var size = 0

    var testDescription: String {
        [
            "\(stage.testDescription): \(failure.testDescription)", "\(form.rawValue), \(isAsync ? "async" : "sync")",
            way.rawValue, startMethod.rawValue,
        ].joined(separator: "; ")
    }

    private var makesSense: Bool {
        // What ends the host ends the test.
        if stage.isInHost, failure != .error { return false }
        // Arguments are encoded by whoever submits, and a pool that shuts down takes nothing.
        if stage == .encodeArgument, way == .whileShuttingDown { return false }
        // A map runs where its results are awaited, and a callback cannot await.
        return form == .submit || way != .fromCallback
    }

    /// All cases that make sense of these.
    private static func cases(
        stages: [CallStage] = CallStage.allCases,
        failures: [CallFailure] = CallFailure.all,
        ways: [Way] = Way.allCases,
        form: Form = .submit,
        isAsync: Bool = false,
        startMethod: StartMethod = .forkServer,
        size: Int = 0
    ) -> [MatrixCase] {
        let product = stages.flatMap { stage in failures.flatMap { failure in ways.map { (stage, failure, $0) } } }
        return product.map { stage, failure, way in
            MatrixCase(
                stage: stage,
                failure: failure,
                way: way,
                form: form,
                isAsync: isAsync,
                startMethod: startMethod,
                size: size
            )
        }.filter(\.makesSense)
    }

    static let all =
        cases() + cases(isAsync: true) + cases(form: .map)
        + cases(ways: [.direct, .whileShuttingDown], startMethod: .spawn)

    /// Those with 100 MB in flight: one for each place and kind of failure, because each takes the better part of a second.
    static let big =
        cases(failures: [.death(.kill)], ways: [.direct], size: 100_000_000)
        + cases(
            stages: [.encodeArgument, .decodeArgument, .decodeResult],
            failures: [.error],
            ways: [.direct],
            size: 100_000_000
        )
        + cases(
            stages: [.encodeResult],
            failures: [.death(.exitZero)],
            ways: [.whileShuttingDown],
            size: 100_000_000
        )
        + cases(stages: [.run], failures: [.death(.trap)], ways: [.direct], size: 100_000_000)
        + cases(stages: [.run], failures: [.death(.exitFortyTwo)], ways: [.fromCallback], size: 100_000_000)
        + cases(stages: [.encodeArgument], failures: [.error], ways: [.fromCallback], size: 100_000_000)
        + cases(
            stages: [.decodeArgument, .encodeResult],
            failures: [.death(.kill)],
            ways: [.fromCallback],
            size: 100_000_000
        )
}

extension MatrixCase {
    /// The call that fails, or the items of the map among which it is.
    func parcels(gate: FileGate?) -> [Parcel] {
        let mishap = Mishap(stage: stage, failure: failure, gate: gate)
        let numbers = form == .submit ? 5..<6 : 0..<12
        return numbers.map {
            Parcel($0, bytes: [UInt8](repeating: 3, count: size), mishap: $0 == 5 ? mishap : nil)
        }
    }

    /// Sends the call off, in the way of this case.
    ///
    /// - Returns: the outcomes as they come, once all has been sent.
    func begin(
        _ parcels: [Parcel],
        in pool: ProcessPoolExecutor
    ) async throws -> Task<[Result<Parcel, any Error>], Never> {
        let isAsync = isAsync
        switch form {
        case .submit:
            let submit = { @Sendable () -> Future<Parcel> in
                isAsync ? pool.submit(Parcel.deliverLater, parcels[0]) : pool.submit(Parcel.deliver, parcels[0])
            }
            guard way == .fromCallback else {
                let future = submit()
                return Task { [await future.result] }
            }
            let future = await withCheckedContinuation { continuation in
                pool.submit(Work.answer).onCompletion { _ in continuation.resume(returning: submit()) }
            }
            return Task { [await future.result] }
        case .map:
            let allSent = Future<Void>(control: TestControl())
            let task = Task {
                var rest = parcels[...]
                // Asked for more than there is, it has sent all there was.
                let input = AnyIterator {
                    if rest.isEmpty { allSent.complete(.success(())) }
                    return rest.popFirst()
                }
                return isAsync
                    ? await pool.map(input, chunkSize: 4, bufferSize: 100, Parcel.deliverLater).results.collect()
                    : await pool.map(input, chunkSize: 4, bufferSize: 100, Parcel.deliver).results.collect()
            }
            try await allSent.value
            return task
        }
    }
}

extension MatrixCase {
    /// What must come of the failing call.
    private enum Expected {
        /// What the function throws arrives as it is.
        case thrown(Mishap.Broken)
        case refused(PoolError.Code, saying: String)
        case crashed(ProcessWork.Death, while: String)
    }

    private var expected: Expected {
        switch (failure, stage) {
        case (.error, .encodeArgument):
            .refused(.encodingFailed, saying: "the arguments of type Parcel could not be encoded")
        case (.error, .decodeArgument):
            .refused(.decodingFailed, saying: "the arguments of type Parcel could not be decoded")
        case (.error, .run): .thrown(Mishap.Broken(stage: .run))
        case (.error, .encodeResult):
            .refused(.encodingFailed, saying: "its result of type Parcel could not be encoded")
        case (.error, .decodeResult):
            .refused(.decodingFailed, saying: "its result of type Parcel could not be decoded")
        case (.death(let death), .decodeArgument): .crashed(death, while: "while it decoded the arguments of")
        case (.death(let death), .encodeResult): .crashed(death, while: "while it encoded the result of")
        case (.death(let death), _): .crashed(death, while: "while it ran")
        }
    }

    /// Says what is wrong with an outcome of the failing call; `nil` if it is the one that must come of it.
    func defect(of outcome: Result<Parcel, any Error>) -> String? {
        guard case .failure(let failure) = outcome else { return "it did not fail" }
        if case .thrown(let error) = expected {
            return failure as? Mishap.Broken == error ? nil : "it failed with \(failure)"
        }
        guard let error = failure as? PoolError else { return "it failed with \(failure)" }
        let isExpected =
            switch expected {
            case .thrown: false
            case .refused(let code, let sentence):
                error.code == code && error.message.contains(sentence)
                    && error.message.contains(Mishap.Broken(stage: stage).description)
            case .crashed(let death, let activity):
                error.code == .workerCrashed && error.signal == death.signal && error.exitCode == death.exitCode
                    && error.pid != nil && error.message.contains(activity)
                    && error.message.contains("DeadlockMatrix.swift:")
            }
        return isExpected ? nil : "it failed with \(error), signal \(error.signal ?? 0), code \(error.exitCode ?? -1)"
    }
}
