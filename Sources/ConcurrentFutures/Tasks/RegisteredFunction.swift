import CSystemShims
import Synchronization

/// What a pool needs to know of a registered function, whatever its type. It reads the outcomes of the function's calls.
class TaskFunctionName: OutcomeReader, @unchecked Sendable {
    /// Names the function to workers that have been sent its definition.
    let number: UInt32
    /// A ``FunctionDefinition``, encoded.
    let definition: [UInt8]

    fileprivate init(number: UInt32, definition: [UInt8]) {
        self.number = number
        self.definition = definition
    }

    /// Looks the function up, or registers it.
    ///
    /// What is found is a ``RegisteredFunction`` of the function's shape; to name that type would cost more than to find it.
    ///
    /// - Throws: ``FunctionReferenceError`` if the closure captures something or cannot be named for another reason.
    static func of<Function: TaskFunction>(_ function: Function) throws -> TaskFunctionName {
        let key = FunctionRegistry.Key(
            shape: ObjectIdentifier(Function.self),
            chain: try ClosureChain(heldBy: function, isAsync: Function.isAsync)
        )
        return try FunctionRegistry.shared.entry(for: key) { number in
            try RegisteredFunction<Function>(
                number: number,
                definition: FunctionDefinition(
                    reference: try FunctionReference(key.chain),
                    shape: try TypeReference(Function.self)
                )
            )
        }
    }

    /// Its name in the program's symbols, or its type. Slow: for error messages.
    var displayName: String {
        fatalError("abstract")
    }

    /// Who reads what a call brings: the function itself, and an object of its own what a batch of calls does.
    final func reader(ofBatch: Bool) -> OutcomeReader { ofBatch ? makeBatchReader() : self }

    fileprivate func makeBatchReader() -> OutcomeReader {
        fatalError("abstract")
    }

    /// Makes the future of a call of the function, or of a batch of calls.
    func makeFuture(ofBatch: Bool, control: any TaskControl) -> AnyObject {
        fatalError("abstract")
    }

    /// The future that an object is which was made by ``makeFuture(ofBatch:control:)``.
    func future(_ object: AnyObject, ofBatch: Bool) -> any AnyFuture {
        fatalError("abstract")
    }

    /// Ends the future of one call with its outcome.
    ///
    /// - Returns: as ``Future/complete(encoded:by:)`` does.
    func complete(_ future: AnyObject, encoded outcome: Payload) -> Bool {
        fatalError("abstract")
    }
}

/// A function of this process that has been found fit to be called in another one, and how it is named there.
///
/// There is one for each function and shape in a process, made when it is first submitted: the walk through its closure, its
/// types' names and their encoding are paid once.
final class RegisteredFunction<Function: TaskFunction>: TaskFunctionName, @unchecked Sendable {
    private let reference: FunctionReference
    /// Kept because to look a generic type up takes longer than to make one of its objects.
    private let futureType = Future<Function.Output>.self
    private let returnsInt = Function.Output.self == Int.self
    private let returnsDouble = Function.Output.self == Double.self

    fileprivate init(number: UInt32, definition: FunctionDefinition) throws {
        reference = definition.reference
        var encoder = BinaryEncoder()
        try encoder.encode(definition)
        let definition = encoder.takeBytes()
        guard definition.count <= ChannelLayout.largestDefinition else {
            throw FunctionReferenceError(
                .unsupportedType("\(Function.self), whose name takes \(definition.count) bytes")
            )
        }
        super.init(number: number, definition: definition)
    }

    override var displayName: String {
        reference.symbolName() ?? "a function of type (\(Function.Arguments.self)) -> \(Function.Output.self)"
    }

    func decode(_ payload: Payload) -> Result<Function.Output, any Error> {
        payload.withDecoder { Outcome.decode(of: Function.self, from: &$0) }
    }

    override func read(_ payload: Payload, into future: AnyObject) -> FutureStateMachine.Settlement {
        if returnsInt, let place = readNumber(Int.self, payload, into: future) { return .succeeded(place) }
        if returnsDouble, let place = readNumber(Double.self, payload, into: future) { return .succeeded(place) }
        // Not by way of a `Result`, whose type would have to be looked up each time.
        do {
            let place = try payload.withDecoder { decoder in
                // Futures of calls have the type of what the function returns: see ``TaskBody``.
                let future = unsafeDowncast(future, to: Future<Function.Output>.self)
                return future.success.put(try Outcome.value(of: Function.self, from: &decoder))
            }
            return .succeeded(place)
        } catch {
            return .failed(error)
        }
    }

    /// Reads an outcome without the layers that serve every type.
    ///
    /// - Parameter type: what the function returns.
    /// - Returns: where the future has it now; `nil` if it is no such number.
    @inline(__always)
    private func readNumber<Number: BinaryNumber & Sendable>(
        _ type: Number.Type,
        _ payload: Payload,
        into future: AnyObject
    ) -> ValueSlot.Place? {
        guard case .small(let bytes) = payload, bytes.count == Outcome.size(of: type),
            let number = bytes.withUnsafeBytes({ Outcome.read(type, at: $0.baseAddress!) })
        else { return nil }
        return unsafeDowncast(future, to: Future<Number>.self).success.put(number)
    }

    override func error(in payload: Payload) -> (any Error)? {
        if case .failure(let error) = decode(payload) { error } else { nil }
    }

    fileprivate override func makeBatchReader() -> OutcomeReader { BatchOutcomeReader(function: self) }

    override func makeFuture(ofBatch: Bool, control: any TaskControl) -> AnyObject {
        ofBatch ? Future<BatchOutcome<Function.Output>>(control: control) : futureType.init(control: control)
    }

    override func complete(_ future: AnyObject, encoded outcome: Payload) -> Bool {
        unsafeDowncast(future, to: Future<Function.Output>.self).complete(encoded: outcome, by: self)
    }

    override func future(_ object: AnyObject, ofBatch: Bool) -> any AnyFuture {
        // See ``TaskBody`` for why it is one.
        ofBatch
            ? unsafeDowncast(object, to: Future<BatchOutcome<Function.Output>>.self)
            : unsafeDowncast(object, to: Future<Function.Output>.self)
    }
}

/// A function's name as it travels to another process.
struct FunctionDefinition: Codable {
    var reference: FunctionReference
    /// One of the ``TaskFunction`` types, with all its type arguments.
    var shape: TypeReference
}

/// All functions that were registered in this process.
final class FunctionRegistry: Sendable {
    static let shared = FunctionRegistry()

    struct Key: Hashable {
        var shape: ObjectIdentifier
        var chain: ClosureChain
    }

    /// A function under its key; never let go of.
    final class Entry: Sendable {
        let shape: ObjectIdentifier
        let code: UInt
        let function: TaskFunctionName

        init(_ key: Key, _ function: TaskFunctionName) {
            shape = key.shape
            code = key.chain.code
            self.function = function
        }
    }

    private let entries = Mutex<[Key: Entry]>([:])
    private let recent = RecentFunctions()

    /// - Parameter make: makes what is kept under a key for which there is nothing, given its number.
    func entry(for key: Key, make: (_ number: UInt32) throws -> TaskFunctionName) throws -> TaskFunctionName {
        if let function = recent.function(for: key) { return function }
        return try entries.withLock { entries in
            if let entry = entries[key] {
                recent.note(entry, for: key)
                return entry.function
            }
            let entry = try Entry(key, make(UInt32(entries.count)))
            // Every task refers to it several times, on several threads, which would take turns in counting.
            cshim_swift_immortalize(Unmanaged.passUnretained(entry.function).toOpaque())
            entries[key] = entry
            recent.note(entry, for: key)
            return entry.function
        }
    }
}

/// Makes a batch's outcome of the outcomes of its items.
final class BatchOutcomeReader<Function: TaskFunction>: OutcomeReader, @unchecked Sendable {
    private let function: RegisteredFunction<Function>

    init(function: RegisteredFunction<Function>) {
        self.function = function
    }

    override func read(_ payload: Payload, into future: AnyObject) -> FutureStateMachine.Settlement {
        switch decode(payload) {
        case .success(let outcome):
            // See ``TaskBody``.
            let future = unsafeDowncast(future, to: Future<BatchOutcome<Function.Output>>.self)
            return .succeeded(future.success.put(outcome))
        case .failure(let error):
            return .failed(error)
        }
    }

    override func error(in payload: Payload) -> (any Error)? {
        switch decode(payload) {
        case .failure(let error): return error
        case .success(let outcome):
            for case .failure(let error) in outcome.reversed.reversed() { return error }
            return nil
        }
    }

    /// - Returns: the outcomes, the last one first.
    private func results(
        _ count: Int,
        _ decoder: inout BinaryDecoder
    ) throws -> [Result<Function.Output, any Error>] {
        if Function.Output.self == Int.self, let numbers = numbers(Int.self, count, &decoder) {
            return sameType(numbers, as: [Result<Function.Output, any Error>].self)
        }
        if Function.Output.self == Double.self, let numbers = numbers(Double.self, count, &decoder) {
            return sameType(numbers, as: [Result<Function.Output, any Error>].self)
        }
        var results: [Result<Function.Output, any Error>] = []
        results.reserveCapacity(count)
        for _ in 0..<count {
            var item = BinaryDecoder(try decoder.readItem())
            results.append(Outcome.decode(of: Function.self, from: &item))
        }
        results.reverse()
        return results
    }

    /// Reads a batch: the number of items, the nanoseconds they took, then each item's outcome behind its length.
    func decode(_ payload: Payload) -> Result<BatchOutcome<Function.Output>, any Error> {
        if case .batch(let parts, let nanoseconds) = payload { return decode(parts, nanoseconds: nanoseconds) }
        return payload.withUnsafeBytes { bytes in
            var decoder = BinaryDecoder(bytes)
            do {
                let count = Int(try decoder.readUInt32())
                let nanoseconds = try decoder.readUInt64()
                // Each outcome stands behind its length, so a count beyond the bytes is a lie that would only cost memory.
                guard count <= decoder.remaining / MemoryLayout<UInt64>.size else {
                    throw PoolError(.workerMisbehaved, "a batch of \(count) outcomes in \(decoder.remaining) bytes")
                }
                let results = try results(count, &decoder)
                return .success(
                    BatchOutcome(reversed: results, duration: .nanoseconds(Int64(clamping: nanoseconds)))
                )
            } catch {
                return .failure(error)
            }
        }
    }

    /// Reads a batch whose outcomes lie apart.
    private func decode(_ parts: [BatchPart], nanoseconds: UInt64) -> Result<BatchOutcome<Function.Output>, any Error> {
        var results: [Result<Function.Output, any Error>] = []
        for part in parts {
            switch part {
            case .one(let outcome):
                results.append(function.decode(outcome))
            case .several(let outcomes):
                let failure = outcomes.withDecoder { decoder -> (any Error)? in
                    do {
                        while !decoder.isAtEnd {
                            var item = BinaryDecoder(try decoder.readItem())
                            results.append(Outcome.decode(of: Function.self, from: &item))
                        }
                        return nil
                    } catch {
                        return error
                    }
                }
                if let failure { return .failure(failure) }
            }
        }
        results.reverse()
        return .success(BatchOutcome(reversed: results, duration: .nanoseconds(Int64(clamping: nanoseconds))))
    }
}

/// Reads outcomes that all are numbers, without the layers that serve every type.
///
/// - Returns: the last one first; `nil` if there is another among them, and then nothing has been read.
@inline(__always)
private func numbers<Number: BinaryNumber>(
    _ type: Number.Type,
    _ count: Int,
    _ decoder: inout BinaryDecoder
) -> [Result<Number, any Error>]? {
    let size = Outcome.size(of: type)
    let stride = MemoryLayout<UInt64>.size + size
    guard let first = decoder.peek(count * stride) else { return nil }
    let results = [Result<Number, any Error>](unsafeUninitializedCapacity: count) { results, initialized in
        while initialized < count {
            let place = first + (count - 1 - initialized) * stride
            guard place.loadUnaligned(as: UInt64.self) == size,
                let number = Outcome.read(type, at: place + MemoryLayout<UInt64>.size)
            else { return }
            results.initializeElement(at: initialized, to: .success(number))
            initialized += 1
        }
    }
    guard results.count == count else { return nil }
    decoder.skip(count * stride)
    return results
}
