/// A message between host and fork server that comes with every worker, of one size and not encoded: to encode it took the fork server longer than to send it, and
/// touched memory that it shares with the workers it has forked, each page of which is copied then.
struct BriefMessage: Equatable {
    /// None is ``Tag/message``, with which every encoded one begins.
    enum Kind: UInt8 {
        // Of a KeeperCommand.
        case fork = 1
        case spawn, terminate, kill
        // Of a KeeperReport.
        case started, exited, killed
    }

    var kind: Kind
    var worker: WorkerID
    /// A pid, an exit code or a signal.
    var number: Int32 = 0
    /// In nanoseconds.
    var processorTime: UInt64 = 0
}

extension BriefMessage {
    private static let size = 21

    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        bytes.withUnsafeMutableBytes {
            $0[0] = kind.rawValue
            $0.storeBytes(of: worker, toByteOffset: 1, as: WorkerID.self)
            $0.storeBytes(of: number, toByteOffset: 9, as: Int32.self)
            $0.storeBytes(of: processorTime, toByteOffset: 13, as: UInt64.self)
        }
        return bytes
    }

    /// - Returns: `nil` if it is none.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.size, let kind = Kind(rawValue: bytes[0]) else { return nil }
        self.init(
            kind: kind,
            worker: bytes.loadUnaligned(fromByteOffset: 1, as: WorkerID.self),
            number: bytes.loadUnaligned(fromByteOffset: 9, as: Int32.self),
            processorTime: bytes.loadUnaligned(fromByteOffset: 13, as: UInt64.self)
        )
    }
}

/// A message that is brief in the usual case.
protocol KeeperMessage: Codable {
    /// `nil` if it has to be encoded.
    var brief: BriefMessage? { get }
    /// - Returns: `nil` if that is no message of this kind.
    init?(_ brief: BriefMessage)
}

extension KeeperMessage {
    /// - Throws: `DecodingError` if it is none.
    init(received bytes: UnsafeRawBufferPointer) throws {
        if let brief = BriefMessage(bytes), let message = Self(brief) {
            self = message
        } else {
            var decoder = BinaryDecoder(bytes)
            self = try decoder.decode(Self.self)
        }
    }
}

extension KeeperCommand: KeeperMessage {
    var brief: BriefMessage? {
        switch self {
        case .start(let id, .forkServer): BriefMessage(kind: .fork, worker: id)
        case .start(let id, .spawn): BriefMessage(kind: .spawn, worker: id)
        case .terminate(let id): BriefMessage(kind: .terminate, worker: id)
        case .kill(let id): BriefMessage(kind: .kill, worker: id)
        case .prepare: nil
        }
    }

    init?(_ brief: BriefMessage) {
        switch brief.kind {
        case .fork: self = .start(brief.worker, .forkServer)
        case .spawn: self = .start(brief.worker, .spawn)
        case .terminate: self = .terminate(brief.worker)
        case .kill: self = .kill(brief.worker)
        case .started, .exited, .killed: return nil
        }
    }
}

extension KeeperReport: KeeperMessage {
    var brief: BriefMessage? {
        switch self {
        case .started(let id, let pid):
            return BriefMessage(kind: .started, worker: id, number: pid)
        case .ended(let id, let status):
            let time = status.processorTime
            if let code = status.exitCode, status.signal == 0 {
                return BriefMessage(kind: .exited, worker: id, number: code, processorTime: time)
            }
            guard status.exitCode == nil else { return nil }
            return BriefMessage(kind: .killed, worker: id, number: status.signal, processorTime: time)
        case .ready, .unable, .preloaded, .preloadFailed, .startFailed:
            return nil
        }
    }

    init?(_ brief: BriefMessage) {
        let (id, number, time) = (brief.worker, brief.number, brief.processorTime)
        switch brief.kind {
        case .started: self = .started(id, pid: number)
        case .exited: self = .ended(id, ExitStatus(signal: 0, exitCode: number, processorTime: time))
        case .killed: self = .ended(id, ExitStatus(signal: number, exitCode: nil, processorTime: time))
        case .fork, .spawn, .terminate, .kill: return nil
        }
    }
}

extension MessageSocket {
    func send(_ message: some KeeperMessage, descriptors: [Descriptor] = []) throws {
        guard let brief = message.brief else { return try send(encoding: message, descriptors: descriptors) }
        try send(brief.bytes, descriptors: descriptors.map(\.number))
    }

    /// - Returns: `nil` when the other end is closed.
    /// - Throws: ``SystemError``; `DecodingError` if something else has come.
    func receive<Message: KeeperMessage>(
        _ type: Message.Type
    ) throws -> (Message, Result<[Descriptor], SystemError>)? {
        guard let message = try receive() as MessageSocket.Message? else { return nil }
        return (try message.bytes.withUnsafeBytes { try Message(received: $0) }, message.descriptors)
    }
}
