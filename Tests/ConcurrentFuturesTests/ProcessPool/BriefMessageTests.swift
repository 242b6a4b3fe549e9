import Testing

@testable import ConcurrentFutures

@Suite("Messages between host and fork server", .timeLimit(.minutes(1)))
struct BriefMessageTests {
    /// What arrives at the other end of a socket, and how long it was.
    private func sent<Message: KeeperMessage>(_ message: Message) throws -> (Message, Int) {
        let (here, there) = try MessageSocket.pair()
        try here.send(message)
        try here.send(message)
        let size = try #require(try there.receive() as MessageSocket.Message?).bytes.count
        return (try #require(try there.receive(Message.self)).0, size)
    }

    @Test("those that come with every worker are brief, and arrive as they were")
    func brief() throws {
        let commands: [KeeperCommand] = [
            .start(.max, .forkServer), .start(1, .spawn), .terminate(2), .kill(0x1_0000_0003),
        ]
        for command in commands {
            let (arrived, size) = try sent(command)
            #expect("\(arrived)" == "\(command)" && size == 21)
        }
        let reports: [KeeperReport] = [
            .started(7, pid: 123_456), .ended(8, ExitStatus(signal: 0, exitCode: 3, processorTime: .max)),
            .ended(9, ExitStatus(signal: 11, exitCode: nil, processorTime: 5)),
            .ended(9, ExitStatus(signal: 0, exitCode: nil, processorTime: 5)),
        ]
        for report in reports {
            let (arrived, size) = try sent(report)
            #expect("\(arrived)" == "\(report)" && size == 21)
        }
    }

    @Test("all others are encoded, and cannot be taken for brief ones")
    func encoded() throws {
        let reports: [KeeperReport] = [.preloaded, .startFailed(4, reason: "none", isShortage: true)]
        for report in reports {
            let (arrived, size) = try sent(report)
            #expect("\(arrived)" == "\(report)" && size > 21)
        }
        var sizes: Set<Int> = []
        for length in 0..<64 {
            let command = KeeperCommand.prepare(number: 1, definition: Array(repeating: 1, count: length))
            let (arrived, size) = try sent(command)
            #expect("\(arrived)" == "\(command)")
            sizes.insert(size)
        }
        // Such a one is longer anyhow. It begins otherwise, too.
        #expect(sizes.allSatisfy { $0 > 21 })
        #expect(BriefMessage.Kind(rawValue: Tag.message) == nil)
    }

    @Test("one of the other side's, or one that is none, is refused")
    func misplaced() throws {
        let (here, there) = try MessageSocket.pair()
        try here.send(KeeperReport.started(1, pid: 2))
        #expect(throws: DecodingError.self) { try there.receive(KeeperCommand.self) }
        for bytes: [UInt8] in [[1], Array(repeating: 0, count: 21), Array(repeating: 0xff, count: 21)] {
            try here.send(bytes)
            #expect(throws: (any Error).self) { try there.receive(KeeperCommand.self) }
        }
    }
}
