@testable import ConcurrentFutures

/// A type of function whose outcomes are read.
protocol OutcomeKind: Sendable {
    func read(_ payload: Payload) -> Bool
    func readBatch(_ payload: Payload) -> Bool
    var samples: [[UInt8]] { get }
}

/// An executor of nothing.
private final class Nobody: TaskControl {
    func cancel(_ task: TaskID) -> Bool { false }
    func isRunning(_ task: TaskID) -> Bool { false }
}

private struct Kind<Function: TaskFunction>: OutcomeKind {
    let function: RegisteredFunction<Function>
    let samples: [[UInt8]]

    init(_ function: Function, _ values: Function.Output...) {
        do {
            self.function = try TaskFunctionName.of(function) as! RegisteredFunction<Function>
        } catch {
            fatalError("a function cannot be named: \(error)")
        }
        var samples: [[UInt8]] = []
        for value in values {
            var encoder = BinaryEncoder()
            Outcome.append(value: value, of: Function.self, to: &encoder)
            samples.append(encoder.takeBytes())
        }
        let mismatch = DecodingError.typeMismatch(Int.self, .init(codingPath: [], debugDescription: ""))
        for error in sampleErrors + [CancellationError(), PoolError(.timedOut, "late"), mismatch] {
            var encoder = BinaryEncoder()
            Outcome.append(error: error, to: &encoder)
            samples.append(encoder.takeBytes())
        }
        self.samples = samples
    }

    func read(_ payload: Payload) -> Bool {
        // The way that a future has it read, on which some numbers pass fewer layers.
        let future = Future<Function.Output>(control: Nobody())
        future.complete(encoded: payload, by: function)
        let isRead = (try? future.get()) != nil
        switch function.decode(payload) {
        case .success:
            precondition(isRead, "a future cannot read what can be read")
            return true
        case .failure(let error):
            precondition(!isRead, "a future reads what cannot be read")
            return OutcomeTarget.isTheTasks(error)
        }
    }

    func readBatch(_ payload: Payload) -> Bool {
        switch BatchOutcomeReader(function: function).decode(payload) {
        case .success(let outcome):
            outcome.reversed.allSatisfy { result in
                switch result {
                case .success: true
                case .failure(let error): OutcomeTarget.isTheTasks(error)
                }
            }
        case .failure: false
        }
    }
}

let outcomeKinds: [any OutcomeKind] = [
    Kind(SyncFunction { (n: Int) -> Int in n }, 42),
    Kind(SyncFunction { () -> String in "" }, "text", String(repeating: "long", count: 20)),
    Kind(AsyncFunction { (n: Int) async -> [Record] in [] }, [.sample]),
    Kind(MappedFunction { (n: Int) -> [String: [Int]?] in [:] }, ["a": [1]], ["b": nil]),
    Kind(SyncAction { (n: Int) -> Void in }, ()),
    // Of a batch these, and whole numbers, are read many at once.
    Kind(MappedFunction { (n: Double) -> Double in n }, 1.5, -2),
]

/// The outcome of a call: a byte that says of which type of function, then the outcome.
struct OutcomeTarget: FuzzTarget {
    let name = "outcome"
    let mostBytesPerByte = 3 * MemoryLayout<Record?>.stride

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        guard let first = input.first else { return false }
        return outcomeKinds[Int(first) % outcomeKinds.count].read(
            Payload(copying: UnsafeRawBufferPointer(rebasing: input.dropFirst()))
        )
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard let first = input.first else { return input }
        let kind = mutator.roll(1...8) == 1 ? UInt8(mutator.roll(0...outcomeKinds.count - 1)) : first
        return [kind] + Self.change(outcome: Array(input.dropFirst()), &mutator)
    }

    /// Whether the error was in the bytes, and does not say what is wrong with them.
    static func isTheTasks(_ error: any Error) -> Bool {
        guard let error = error as? PoolError else { return !(error is DecodingError) }
        return error.code != .decodingFailed && error.code != .workerMisbehaved
    }

    /// An outcome's byte, then its messages.
    static func change(outcome: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard let first = outcome.first else { return [UInt8(mutator.roll(0...3))] }
        let kind = mutator.roll(1...10) == 1 ? UInt8(mutator.roll(0...3)) : first
        return [kind] + EncodedMessage.change(outcome.dropFirst(), &mutator)
    }

    var seeds: [[UInt8]] {
        outcomeKinds.enumerated().flatMap { index, kind in kind.samples.map { [UInt8(index)] + $0 } }
    }
}
