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

    /// Reads some items and sends them off.
    ///
    /// - Returns: The chunks they became, and whether the input has ended, or the error it ended with.
    func sendNext(
        _ count: Int,
        isolation: isolated (any Actor)?
    ) async -> (chunks: [MapChunk<Output>], end: MapInputEnd?)
}

enum MapInputEnd {
    case exhausted
    case failed(any Error)
}

/// Sends chunks of items to an executor.
struct ChunkSender<Item: Sendable, Output: Sendable> {
    /// Waits while the executor has as many tasks as it takes.
    let send: nonisolated(nonsending) (_ items: [Item]) async -> Future<BatchOutcome<Output>>

    nonisolated(nonsending) func chunks(of items: [Item]) async -> [MapChunk<Output>] {
        guard !items.isEmpty else { return [] }
        let future = await send(items)
        // Arguments are encoded by the call that sends them. Where one of several cannot be, the others are sent without it.
        if items.count > 1, future.couldNotBeEncoded {
            var chunks: [MapChunk<Output>] = []
            for item in items { chunks.append(MapChunk(future: await send([item]), itemCount: 1)) }
            return chunks
        }
        return [MapChunk(future: future, itemCount: items.count)]
    }
}

extension Future {
    fileprivate var couldNotBeEncoded: Bool {
        guard case .failed(let error as PoolError) = machine.withLock({ $0.settlement }) else { return false }
        return error.code == .encodingFailed
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

    func sendNext(
        _ count: Int,
        isolation: isolated (any Actor)?
    ) async -> (chunks: [MapChunk<Output>], end: MapInputEnd?) {
        var items: [Input.Element] = []
        items.reserveCapacity(count)
        while items.count < count {
            guard let item = iterator.next() else { return (await sender.chunks(of: items), .exhausted) }
            items.append(item)
        }
        return (await sender.chunks(of: items), nil)
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

    func sendNext(
        _ count: Int,
        isolation: isolated (any Actor)?
    ) async -> (chunks: [MapChunk<Output>], end: MapInputEnd?) {
        var items: [Input.Element] = []
        do {
            while items.count < count {
                guard let item = try await iterator.next(isolation: isolation) else {
                    return (await sender.chunks(of: items), .exhausted)
                }
                items.append(item)
            }
            return (await sender.chunks(of: items), nil)
        } catch {
            return (await sender.chunks(of: items), .failed(error))
        }
    }
}
