import DequeModule

/// Several items of a map on their way.
struct MapChunk<Output: Sendable> {
    let future: Future<BatchOutcome<Output>>
    let itemCount: Int
}

/// The input of one run of a map, and where its items go.
protocol MapFeed<Output>: AnyObject {
    associatedtype Output: Sendable

    /// How many items there are at least, before the first was read.
    var underestimatedCount: Int { get }
    /// Whether a reader may be suspended until there is an item.
    var suspendsReader: Bool { get }
    /// Whether items were read that have not been sent.
    var hasUnsent: Bool { get }

    /// Reads some items, which make a chunk.
    ///
    /// - Returns: How the input has ended, if it has.
    func read(_ count: Int, isolation: isolated (any Actor)?) async -> MapInputEnd?

    /// Sends off what was read, as far as the executor takes it.
    ///
    /// - Parameter mayWait: whether to wait until it takes a first chunk.
    nonisolated(nonsending) func send(mayWait: Bool) async -> [MapChunk<Output>]
}

enum MapInputEnd {
    case exhausted
    case failed(any Error)
}

/// Sends chunks of items to an executor.
final class ChunkSender<Item: Sendable, Output: Sendable> {
    typealias Submit = nonisolated(nonsending) (_ items: [Item], _ mayWait: Bool) async -> Future<BatchOutcome<Output>>

    private let submit: Submit
    private var unsent: Deque<[Item]> = []

    /// - Parameter submit: sends a chunk. It waits, if it may, while the executor has as many tasks as it takes; else the chunk fails at
    ///   once with the code `queueFull`.
    init(submit: @escaping Submit) {
        self.submit = submit
    }

    var hasUnsent: Bool { !unsent.isEmpty }

    /// Takes items to be sent as a chunk.
    func add(_ items: [Item]) {
        if !items.isEmpty { unsent.append(items) }
    }

    nonisolated(nonsending) func send(mayWait: Bool) async -> [MapChunk<Output>] {
        var chunks: [MapChunk<Output>] = []
        while let items = unsent.first {
            let future = await submit(items, mayWait && chunks.isEmpty)
            switch future.codeOfFailure {
            // Arguments are encoded by the call that sends them. Where one of several cannot be, the others are sent without it.
            case .encodingFailed? where items.count > 1:
                unsent.removeFirst()
                for item in items.reversed() { unsent.prepend([item]) }
            case .queueFull?:
                return chunks
            default:
                unsent.removeFirst()
                chunks.append(MapChunk(future: future, itemCount: items.count))
            }
        }
        return chunks
    }
}

extension Future {
    /// Of a chunk that could not be sent.
    fileprivate var codeOfFailure: PoolError.Code? {
        guard case .failed(let error as PoolError) = machine.withLock({ $0.settlement }) else { return nil }
        return error.code
    }
}

// Outside of the generic class, where they could not be made for one type.

/// - Parameter iterator: of a sequence that is known to be of the type.
@inline(__always)
private func items<Known: Sequence>(_ count: Int, of iterator: UnsafeMutableRawPointer, from type: Known.Type) -> [Known
    .Element]
{
    items(count, of: &iterator.assumingMemoryBound(to: Known.Iterator.self).pointee)
}

@inline(__always)
private func items<Iterator: IteratorProtocol>(_ count: Int, of iterator: inout Iterator) -> [Iterator.Element] {
    [Iterator.Element](unsafeUninitializedCapacity: count) { items, initialized in
        while initialized < count, let item = iterator.next() {
            items.initializeElement(at: initialized, to: item)
            initialized += 1
        }
    }
}

final class SequenceFeed<Input: Sequence, Output: Sendable>: MapFeed where Input.Element: Sendable {
    let underestimatedCount: Int
    var suspendsReader: Bool { false }
    private var iterator: Input.Iterator
    private let sender: ChunkSender<Input.Element, Output>

    init(_ input: Input, _ sender: ChunkSender<Input.Element, Output>) {
        underestimatedCount = input.underestimatedCount
        iterator = input.makeIterator()
        self.sender = sender
    }

    var hasUnsent: Bool { sender.hasUnsent }

    func read(_ count: Int, isolation: isolated (any Actor)?) async -> MapInputEnd? {
        let items = Self.take(count, from: &iterator)
        sender.add(items)
        return items.count < count ? .exhausted : nil
    }

    /// Takes so many items, or all that are left.
    private static func take(_ count: Int, from iterator: inout Input.Iterator) -> [Input.Element] {
        // For each of these the compiler makes code of its own, which takes a tenth of the time of that for every type.
        withUnsafeMutablePointer(to: &iterator) { iterator in
            let place = UnsafeMutableRawPointer(iterator)
            if Input.self == Range<Int>.self {
                return sameType(items(count, of: place, from: Range<Int>.self), as: [Input.Element].self)
            }
            if Input.self == ClosedRange<Int>.self {
                return sameType(items(count, of: place, from: ClosedRange<Int>.self), as: [Input.Element].self)
            }
            if Input.self == [Int].self {
                return sameType(items(count, of: place, from: [Int].self), as: [Input.Element].self)
            }
            if Input.self == [Double].self {
                return sameType(items(count, of: place, from: [Double].self), as: [Input.Element].self)
            }
            return items(count, of: &iterator.pointee)
        }
    }

    nonisolated(nonsending) func send(mayWait: Bool) async -> [MapChunk<Output>] {
        await sender.send(mayWait: mayWait)
    }
}

final class AsyncSequenceFeed<Input: AsyncSequence, Output: Sendable>: MapFeed where Input.Element: Sendable {
    var underestimatedCount: Int { 0 }
    var suspendsReader: Bool { true }
    private var iterator: Input.AsyncIterator
    private let sender: ChunkSender<Input.Element, Output>

    init(_ input: Input, _ sender: ChunkSender<Input.Element, Output>) {
        iterator = input.makeAsyncIterator()
        self.sender = sender
    }

    var hasUnsent: Bool { sender.hasUnsent }

    func read(_ count: Int, isolation: isolated (any Actor)?) async -> MapInputEnd? {
        var items: [Input.Element] = []
        defer { sender.add(items) }
        do {
            while items.count < count {
                guard let item = try await iterator.next(isolation: isolation) else { return .exhausted }
                items.append(item)
            }
            return nil
        } catch {
            return .failed(error)
        }
    }

    nonisolated(nonsending) func send(mayWait: Bool) async -> [MapChunk<Output>] {
        await sender.send(mayWait: mayWait)
    }
}
