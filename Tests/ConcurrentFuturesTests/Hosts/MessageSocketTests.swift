import Testing

@testable import ConcurrentFutures

@Suite("Messages between processes")
struct MessageSocketTests {
    @Test("what the other end said last arrives, although it closed before it had read everything")
    func lastWordsArrive() throws {
        let socket = try endOfClosedPair(unread: [1], lastWords: [2, 3])
        #expect(try socket.receive()?.bytes == [2, 3])
        #expect(try socket.receive() == nil)
    }

    /// The other end lives no longer than this function.
    private func endOfClosedPair(unread: [UInt8], lastWords: [UInt8]) throws -> MessageSocket {
        let (here, there) = try MessageSocket.pair()
        try here.makeNonBlocking()
        try here.send(unread)
        try there.send(lastWords)
        return here
    }
}
