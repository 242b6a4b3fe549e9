import Foundation

@testable import ConcurrentFutures

/// A worker's own end of its channel, found as a mad pointer would find it: by looking where memory is mapped.
struct OwnChannel {
    /// The control file: words, states, then the ring of replies.
    let control: UnsafeMutableRawPointer
    let requests: UnsafeMutableRawPointer
    let words: ControlBlock
    let socket: Int32
    /// The one that rings at the host.
    let bell: Int32

    init() throws {
        control = try Self.mapping(of: "memfd:cf-replies")
        requests = try Self.mapping(of: "memfd:cf-requests")
        words = ControlBlock(at: control)
        let socket = try Self.descriptors("socket:").first
        guard let socket else { throw NoChannel(name: "socket") }
        // The bell came with the socket, right before it. There are others: the one that the host rings here, and those of Dispatch.
        let bell = try Self.descriptors("anon_inode:[eventfd]").last { $0 < socket }
        guard let bell else { throw NoChannel(name: "bell") }
        (self.socket, self.bell) = (socket, bell)
    }

    /// Where a file is mapped from its beginning on.
    private static func mapping(of name: String) throws -> UnsafeMutableRawPointer {
        for line in try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n") {
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard line.contains(name), fields[2] == "00000000",
                let start = UInt(fields[0].prefix { $0 != "-" }, radix: 16)
            else { continue }
            return UnsafeMutableRawPointer(bitPattern: start)!
        }
        throw NoChannel(name: name)
    }

    struct NoChannel: Error, Codable { var name: String }

    static let controlSize = ChannelLayout.Control.headerSize + ChannelLayout.ringSize

    /// The sequence number of the request that runs.
    var sequence: UInt64 {
        let states = control + ChannelLayout.Control.states
        let words = (0..<ChannelLayout.slotCount).map { SharedWord(at: states + 8 * $0).load() }
        let sequences = words.map { ($0 ^ FrameState.mark) >> 2 }
        return zip(words, sequences).filter { $0 == FrameState.started.word($1) }.map(\.1).max() ?? 0
    }

    /// The descriptors beyond the standard streams whose links begin so, in ascending order.
    static func descriptors(_ kind: String) throws -> [Int32] {
        let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
        return all.sorted().filter { number in
            let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
            return number > 2 && link?.hasPrefix(kind) == true
        }
    }

    /// Writes a frame as the worker's next reply, publishes it and rings.
    func publish(_ header: ReplyHeader, payload: [UInt8] = [], advance: UInt64? = nil) {
        publishItems()
        let tail = words.replyTail.load()
        let frame = control + ChannelLayout.Control.headerSize + Int(tail % UInt64(ChannelLayout.ringSize))
        frame.storeBytes(of: header, as: ReplyHeader.self)
        (frame + ReplyHeader.size).copyMemory(from: payload, byteCount: payload.count)
        publish(tail: tail &+ (advance ?? UInt64(header.length)))
    }

    /// Publishes the outcomes of items that were there before, as the worker would before its next frame: what is written over them is lost.
    func publishItems() {
        let tail = words.replyTail.load()
        let open = OpenItems(word: words.openItems.load())
        guard open.begins(at: tail), open.bytes > 0 else { return }
        let frame = control + ChannelLayout.Control.headerSize + Int(tail % UInt64(ChannelLayout.ringSize))
        var header = frame.load(as: ReplyHeader.self)
        header.length = UInt32(roundedUp(ReplyHeader.size + open.bytes, to: 8))
        header.payloadLength = UInt64(open.bytes)
        frame.storeBytes(of: header, as: ReplyHeader.self)
        words.replyTail.publish(tail + UInt64(header.length))
    }

    /// Writes outcomes of items as the worker would that has not published them yet.
    ///
    /// - Parameter bytes: how many it says that there are.
    func leaveUnpublished(_ header: ReplyHeader, payload: [UInt8], bytes: Int) {
        publishItems()
        let tail = words.replyTail.load()
        let frame = control + ChannelLayout.Control.headerSize + Int(tail % UInt64(ChannelLayout.ringSize))
        frame.storeBytes(of: header, as: ReplyHeader.self)
        (frame + ReplyHeader.size).copyMemory(from: payload, byteCount: payload.count)
        words.openItems.publish(OpenItems(position: tail, bytes: bytes).word)
    }

    func publish(tail: UInt64) {
        words.replyTail.publish(tail)
        ring()
    }

    func ring() {
        var one: UInt64 = 1
        write(bell, &one, 8)
    }

    func header(_ kind: ReplyHeader.Kind, payload: Int = 0) -> ReplyHeader {
        ReplyHeader(kind, sequence: sequence, payload: payload)
    }
}
