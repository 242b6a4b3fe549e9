import Testing

@testable import ConcurrentFutures

@Suite(.timeLimit(.minutes(5)), .timeLimit(.minutes(5))) struct MapWindowTests {
    private func standing(
        outstanding: Int = 0,
        chunks: Int = 0,
        unfinished: Int? = nil,
        isWaiting: Bool = true,
        workers: Int = 4
    ) -> MapWindow.Standing {
        MapWindow.Standing(
            outstandingItems: outstanding,
            chunks: chunks,
            unfinishedChunks: unfinished ?? chunks,
            isWaiting: isWaiting,
            workers: workers
        )
    }

    @Test("the first chunks have one item, and there are two for each worker")
    func beginning() {
        let window = MapWindow(chunkSize: nil, bufferSize: nil, inputCount: 0)
        #expect(window.nextChunk(standing()) == 1)
        #expect(window.nextChunk(standing(chunks: 7)) == 1)
        #expect(window.nextChunk(standing(chunks: 8)) == 0)
    }

    @Test("behind one slow chunk the workers get more, up to a bound")
    func behindSlowChunk() {
        let window = MapWindow(chunkSize: nil, bufferSize: nil, inputCount: 0)
        #expect(window.nextChunk(standing(chunks: 20, unfinished: 2)) == 1)
        #expect(window.nextChunk(standing(chunks: 20, unfinished: 2, isWaiting: false)) == 0)
        #expect(window.nextChunk(standing(chunks: 32, unfinished: 1)) == 0)
    }

    @Test("chunks of fast items grow fourfold a step, until they take half a millisecond")
    func growth() {
        var window = MapWindow(chunkSize: nil, bufferSize: nil, inputCount: 0)
        var sizes: [Int] = []
        for _ in 0..<8 {
            let size = window.nextChunk(standing())
            sizes.append(size)
            window.ran(items: size, nanoseconds: Double(size) * 1000)
        }
        #expect(sizes == [1, 4, 16, 64, 256, 500, 500, 500])
    }

    @Test("many small chunks that come back at once count as one step")
    func growthFromManyChunks() {
        var window = MapWindow(chunkSize: nil, bufferSize: nil, inputCount: 0)
        for _ in 0..<8 { window.ran(items: 1, nanoseconds: 100) }
        #expect(window.nextChunk(standing()) == 4)
    }

    @Test("chunks of slow items, and of items that are slow to send, stay small")
    func slowItems() {
        var window = MapWindow(chunkSize: nil, bufferSize: nil, inputCount: 0)
        window.ran(items: 1, nanoseconds: 1e9)
        #expect(window.nextChunk(standing()) == 1)
        var feeding = MapWindow(chunkSize: nil, bufferSize: nil, inputCount: 0)
        feeding.fed(items: 1, nanoseconds: 250_000)
        feeding.ran(items: 1, nanoseconds: 10)
        #expect(feeding.nextChunk(standing()) == 2)
    }

    @Test("few items of known number are spread over all workers")
    func spread() {
        var window = MapWindow(chunkSize: nil, bufferSize: nil, inputCount: 100)
        for _ in 0..<5 { window.ran(items: 1000, nanoseconds: 1000) }
        #expect(window.nextChunk(standing()) == 6)
    }

    @Test("a given buffer is filled and never overfilled", arguments: [nil, 6])
    func buffer(chunkSize: Int?) {
        let window = MapWindow(chunkSize: chunkSize, bufferSize: 10, inputCount: 0)
        var outstanding = 0
        while true {
            let size = window.nextChunk(standing(outstanding: outstanding, chunks: 100))
            if size == 0 { break }
            outstanding += size
        }
        #expect(outstanding == 10)
    }
}
