/// Names a worker within its pool; never used twice.
package typealias WorkerID = UInt64

/// What the host tells the fork server.
enum KeeperCommand: Codable {
    /// Start a worker. Its descriptors come with the message, in the order of ``WorkerDescriptors``.
    case start(WorkerID, StartMethod)
    /// Look up a function that workers will be asked for, so that those which are forked from now on have it looked up already.
    case prepare(number: UInt32, definition: [UInt8])
    /// Send a worker the signal that asks it to end.
    case terminate(WorkerID)
    /// Kill a worker and all of its group.
    case kill(WorkerID)
}

/// What the fork server tells the host.
enum KeeperReport: Codable {
    /// It stands ready. The images are those that both processes have to share for a function to mean the same in each.
    case ready(images: [ImageIdentity])
    /// It cannot do its work.
    case unable(reason: String)
    /// `preload` has done its work, and workers can be forked.
    case preloaded
    /// `preload` has thrown this.
    case preloadFailed(RemoteError)
    /// A worker has been started; a handle of its process comes with the message.
    case started(WorkerID, pid: Int32)
    /// - Parameter isShortage: whether the system had too little of something, which may be different in a moment.
    case startFailed(WorkerID, reason: String, isShortage: Bool)
    /// A worker has ended and was reaped; nothing of its group is left.
    case ended(WorkerID, ExitStatus)
}

/// An image as both sides of a handshake see it.
struct ImageIdentity: Codable, Hashable {
    var name: String
    var identity: String
}

/// What a process that the library started is to be.
enum ProcessRole: Codable {
    /// A fork server; a handle of the host and the file with its ``KeeperSettings`` come with the message.
    case forkServer
    /// A worker; the numbers are that of the file with its ``KeeperSettings``, then those of ``WorkerDescriptors``.
    case worker(WorkerID, keeper: Int32, settings: Int32, descriptors: [Int32])
}

/// What a worker is given, in a fixed order.
struct WorkerDescriptors {
    var channel: RingChannel.WorkerEnd
    /// `nil` if it keeps its host's.
    var standardError: Descriptor?

    init(channel: RingChannel.WorkerEnd, standardError: Descriptor?) {
        self.channel = channel
        self.standardError = standardError
    }

    init?(_ all: [Descriptor]) {
        guard all.count == 5 || all.count == 6 else { return nil }
        channel = .init(requests: all[0], control: all[1], bell: all[2], socket: all[3], stopBell: all[4])
        standardError = all.count == 6 ? all[5] : nil
    }

    var all: [Descriptor] { channel.all + (standardError.map { [$0] } ?? []) }
}

extension MessageSocket {
    func send(encoding message: some Encodable, descriptors: [Descriptor] = []) throws {
        var encoder = BinaryEncoder()
        try encoder.encode(message)
        try send(encoder.takeBytes(), descriptors: descriptors.map(\.number))
    }

    /// - Returns: `nil` when the other end is closed.
    func receive<Message: Decodable>(_ type: Message.Type) throws -> (Message, Result<[Descriptor], SystemError>)? {
        guard let message = try receive() as MessageSocket.Message? else { return nil }
        return try message.bytes.withUnsafeBytes { bytes in
            var decoder = BinaryDecoder(bytes)
            return (try decoder.decode(type), message.descriptors)
        }
    }
}
