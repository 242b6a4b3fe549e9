import Testing

@testable import ConcurrentFutures

@Suite("Messages between processes", .timeLimit(.minutes(5)))
struct MessageSocketTests {
    @Test("what the other end said last arrives, although it closed before it had read everything")
    func lastWordsArrive() throws {
        // An optional, because in debug builds nothing else gives a reference up before the test ends.
        var ends = Optional(try MessageSocket.pair())
        let here = ends!.0
        // A failure must not keep the thread, of which the other tests have few.
        try here.makeNonBlocking()
        let unread: [UInt8] = [1]
        let lastWords: [UInt8] = [2, 3]
        try here.send(unread)
        try ends!.1.send(lastWords)
        ends = nil
        #expect(try here.receive()?.bytes == lastWords)
    }
}
