import Testing

@testable import ConcurrentFutures

@Suite("Messages between processes")
struct MessageSocketTests {
    @Test("what the other end said last arrives, although it closed before it had read everything")
    func lastWordsArrive() throws {
        let (here, there) = try MessageSocket.pair()
        try here.send([1])
        try sayAndClose(there, [2, 3])
        #expect(try here.receive()?.bytes == [2, 3])
        #expect(try here.receive() == nil)
    }

    private func sayAndClose(_ socket: consuming MessageSocket, _ bytes: [UInt8]) throws {
        try socket.send(bytes)
    }
}
