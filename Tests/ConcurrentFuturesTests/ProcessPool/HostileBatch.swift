import Foundation

@testable import ConcurrentFutures

// What items of a batch do that want to harm the host, or to look as if their worker had gone mad.

extension HostileWork {
    /// How an item of a batch spoils it.
    enum BatchFrame: String, Codable, CaseIterable, Sendable {
        case outcome, end, endWithoutTime, stoppedItem
        case noItems, halfAnItem, hugeItem, itemsInFile, itemsWithFiles, moreItems
        // Of what was not published the host hears when the worker has ended.
        case unpublishedHalfAnItem, unpublishedMoreItems, unpublishedBeyondItsFrame, unpublishedOfAnotherKind
    }

    struct Item: Codable, Sendable {
        var n: Int
        var frame: BatchFrame?
    }

    static let batchSize = 8

    static func squareUnlessHostile(_ item: Item) throws -> Int {
        guard let frame = item.frame else { return item.n * item.n }
        let channel = try OwnChannel()
        let zeroes = [UInt8](repeating: 0, count: 8)
        // One outcome more than there can be when all items before have theirs.
        let tooMany = items([[UInt8]](repeating: [0, 0], count: batchSize - item.n + 1))
        let half = items([[0, 0]]).dropLast()
        switch frame {
        case .outcome: channel.publish(channel.header(.outcome, payload: 8), payload: zeroes)
        case .end: channel.publish(channel.header(.batchEnd, payload: 8), payload: zeroes)
        case .endWithoutTime: channel.publish(channel.header(.batchEnd))
        case .stoppedItem: channel.publish(channel.header(.stoppedItem))
        case .noItems: channel.publish(channel.header(.items))
        case .halfAnItem: channel.publish(channel.header(.items, payload: half.count), payload: Array(half))
        case .hugeItem:
            channel.publish(channel.header(.items, payload: 8), payload: [UInt8](repeating: 0xFF, count: 8))
        case .itemsInFile, .itemsWithFiles:
            var header = channel.header(.items)
            let files: ReplyHeader.Files = frame == .itemsInFile ? .payload : .attached
            header.files = files.rawValue
            header.payloadLength = 1 << 20
            channel.publish(header)
        case .moreItems: channel.publish(channel.header(.items, payload: tooMany.count), payload: tooMany)
        case .unpublishedHalfAnItem: leave(channel, .items, Array(half), bytes: half.count)
        case .unpublishedMoreItems: leave(channel, .items, tooMany, bytes: tooMany.count)
        case .unpublishedBeyondItsFrame: leave(channel, .items, [], bytes: OpenItems.capacity + 8)
        case .unpublishedOfAnotherKind: leave(channel, .item, zeroes, bytes: zeroes.count)
        }
        return waitForTheEnd()
    }

    /// Ends this process without having published that.
    private static func leave(
        _ channel: OwnChannel,
        _ kind: ReplyHeader.Kind,
        _ payload: [UInt8],
        bytes: Int
    ) -> Never {
        channel.leaveUnpublished(channel.header(kind, payload: payload.count), payload: payload, bytes: bytes)
        _exit(0)
    }

    /// Outcomes as a worker writes them, each behind its length.
    private static func items(_ outcomes: [[UInt8]]) -> [UInt8] {
        outcomes.flatMap { outcome in withUnsafeBytes(of: UInt64(outcome.count)) { [UInt8]($0) } + outcome }
    }
}
