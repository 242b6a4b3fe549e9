import DequeModule
import Glibc

/// The host's end of two rings in shared memory.
///
/// Nothing that is read from the control file is trusted: a header is copied once and checked, and what only the host needs to know of the
/// request ring (where it writes, what is in flight) it keeps to itself.
final class RingChannel: WorkerChannel, @unchecked Sendable {
    private struct InFlight {
        var start: UInt64
        var length: Int
        var payloadOffset: Int
        var payloadLength: Int
        /// Where the payload is, if it is not in the ring.
        var file: ArgumentFile?
        var attachments: [SharedFile]
    }

    private let requests: MemoryMapping
    private let replies: MemoryMapping
    let control: ControlBlock
    private let requestTail: SharedWord
    let socket: MessageSocket
    /// No doorbell: whoever rings one waits if its other holder has filled it and made it one that waits.
    private let stopBell: MessageSocket

    // Under the pool's lock, and nothing that is called during an access comes back: so no two accesses overlap, and none is checked.
    @exclusivity(unchecked) private var tail: UInt64 = 0
    @exclusivity(unchecked) private var nextSequence: UInt64 = 0
    @exclusivity(unchecked) private var inFlight: Deque<InFlight> = []
    @exclusivity(unchecked) private var stopRequested: UInt64?
    // Of who receives (RingChannel+Receiving), who has the reception; as above.
    @exclusivity(unchecked) var reader: ReplyReader
    var lentFiles = LentFiles()

    /// The descriptors that the worker needs; dropped here once it has been started.
    struct WorkerEnd: Sendable {
        var requests: Descriptor
        var control: Descriptor
        var bell: Descriptor
        var socket: Descriptor
        var stopBell: Descriptor

        var all: [Descriptor] { [requests, control, bell, socket, stopBell] }

        /// Maps the file in which replies, and what both sides say of themselves, are.
        func mapControl() throws(SystemError) -> MemoryMapping {
            let file = try MemoryFile(
                received: control,
                required: .shrink,
                minimumSize: ChannelLayout.Control.headerSize + ChannelLayout.ringSize
            )
            return try MemoryMapping(
                ring: file,
                headerCount: ChannelLayout.Control.headerSize,
                ringCount: ChannelLayout.ringSize,
                writable: true
            )
        }
    }

    /// Makes both files, maps and seals them.
    ///
    /// - Parameter bell: what the worker rings when it has replied and the host sleeps.
    static func make(bell: Doorbell) throws(SystemError) -> (RingChannel, WorkerEnd) {
        let layout = ChannelLayout.self
        let requestFile = try MemoryFile(
            name: "cf-requests",
            size: layout.Requests.headerSize + layout.ringSize
        )
        let controlFile = try MemoryFile(
            name: "cf-replies",
            size: layout.Control.headerSize + layout.ringSize
        )
        let requests = try MemoryMapping(
            ring: requestFile,
            headerCount: layout.Requests.headerSize,
            ringCount: layout.ringSize,
            writable: true
        )
        let replies = try MemoryMapping(
            ring: controlFile,
            headerCount: layout.Control.headerSize,
            ringCount: layout.ringSize,
            writable: true
        )
        try requestFile.add([.shrink, .grow, .futureWrite, .seal])
        try controlFile.add([.shrink, .grow, .seal])
        let (hostSocket, workerSocket) = try MessageSocket.pair()
        try hostSocket.makeNonBlocking()
        let (stopBell, workerStopBell) = try MessageSocket.pair()
        try stopBell.makeNonBlocking()
        let channel = RingChannel(requests: requests, replies: replies, socket: hostSocket, stopBell: stopBell)
        let end = WorkerEnd(
            requests: requestFile.descriptor,
            control: controlFile.descriptor,
            bell: bell.descriptor,
            socket: workerSocket.descriptor,
            stopBell: workerStopBell.descriptor
        )
        return (channel, end)
    }

    private init(requests: MemoryMapping, replies: MemoryMapping, socket: MessageSocket, stopBell: MessageSocket) {
        self.requests = requests
        self.replies = replies
        self.socket = socket
        self.stopBell = stopBell
        control = ControlBlock(at: replies.base)
        reader = ReplyReader(ring: replies.base + ChannelLayout.Control.headerSize, capacity: ChannelLayout.ringSize)
        requestTail = SharedWord(at: requests.base + ChannelLayout.Requests.tail)
    }

    // MARK: Sending

    private var usedBytes: Int {
        guard let oldest = inFlight.first else { return 0 }
        return Int(tail - oldest.start)
    }

    /// Bounds the descriptors in the socket's queue and in both processes. One that the worker runs and one that waits for it there keep it at
    /// work; with more, a host of many workers could run out of descriptors.
    static let mostFilesInFlight = 2

    /// Where the definition and the payload begin in a frame.
    private static func offsets(of request: borrowing OutgoingRequest) -> (definition: Int, payload: Int) {
        let definition = RequestHeader.size + (request.timing == nil ? 0 : RequestTiming.size)
        return (definition, definition + roundedUp(request.definition.count, to: 8))
    }

    func send(_ request: consuming OutgoingRequest) throws(SystemError) {
        let file = try request.payload.fileIfBig()
        let attachments = request.payload.attachments
        if file != nil || !attachments.isEmpty { try sendFiles(file, attachments) }
        let offsets = Self.offsets(of: request)
        let length = roundedUp(offsets.payload + (file == nil ? request.payload.count : 0), to: 8)
        // Who sends keeps count of the room; this is what stands between a mistake there and somebody else's memory.
        precondition(
            usedBytes + length + RequestHeader.size <= ChannelLayout.ringSize
                && inFlight.count < ChannelLayout.slotCount - 1,
            "a channel was sent more than it holds"
        )
        var header = RequestHeader()
        header.length = UInt32(length)
        var flags: RequestHeader.Flags = request.isBatch ? .batch : []
        if file != nil { flags.insert(.payloadInFile) }
        if !attachments.isEmpty { flags.insert(.attached) }
        if request.timing != nil { flags.insert(.timed) }
        if !request.isUrgent { flags.insert(.unhurried) }
        if request.isLast { flags.insert(.last) }
        header.flags = flags.rawValue
        header.attempt = request.attempt
        header.sequence = nextSequence
        header.functionNumber = request.functionNumber
        header.definitionLength = UInt32(request.definition.count)
        header.itemCount = request.itemCount
        header.firstItem = request.firstItem
        header.payloadLength = UInt64(request.payload.count)

        let frame = place(of: tail)
        frame.storeBytes(of: header, as: RequestHeader.self)
        if let timing = request.timing { (frame + RequestHeader.size).storeBytes(of: timing, as: RequestTiming.self) }
        request.definition.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(start: frame + offsets.definition, count: bytes.count).copyMemory(from: bytes)
        }
        if file == nil { request.payload.copy(to: frame + offsets.payload) }
        publish(
            InFlight(
                start: tail,
                length: length,
                payloadOffset: offsets.payload,
                payloadLength: request.payload.count,
                file: file,
                attachments: attachments
            )
        )
    }

    func sendStop() throws(SystemError) {
        var header = RequestHeader()
        header.length = UInt32(RequestHeader.size)
        header.flags = RequestHeader.Flags.stop.rawValue
        header.sequence = nextSequence
        place(of: tail).storeBytes(of: header, as: RequestHeader.self)
        publish(
            InFlight(
                start: tail,
                length: RequestHeader.size,
                payloadOffset: 0,
                payloadLength: 0,
                file: nil,
                attachments: []
            )
        )
    }

    private func sendFiles(_ payload: ArgumentFile?, _ attachments: [SharedFile]) throws(SystemError) {
        var descriptors = attachments.map(\.descriptor.number)
        if let payload { descriptors.insert(payload.file.file.descriptor.number, at: 0) }
        do throws(SystemError) {
            try socket.send(MemoryFile.announcement, descriptors: descriptors)
        } catch {
            // A worker that has just ended: the request stays in flight until that is told, and then goes elsewhere with all others.
            guard error.isDisconnected else { throw error }
        }
    }

    private func place(of position: UInt64) -> UnsafeMutableRawPointer {
        // The ring is mapped twice in a row, so a frame that goes round its end still lies in one piece.
        requests.base + ChannelLayout.Requests.headerSize + Int(position % UInt64(ChannelLayout.ringSize))
    }

    private func publish(_ request: InFlight) {
        control.state(of: nextSequence).note(FrameState.queued.word(nextSequence))
        nextSequence += 1
        tail += UInt64(request.length)
        inFlight.append(request)
        requestTail.publish(tail)
    }

    func needsWaking(isUrgent: Bool) -> Bool {
        fullFence()
        let rest = control.workerRest.load()
        if rest == WorkerRest.none.rawValue || (rest == WorkerRest.nap.rawValue && !isUrgent) { return false }
        return control.workerRest.exchange(WorkerRest.none.rawValue) != WorkerRest.none.rawValue
    }

    func wake() {
        // Added, not stored: several threads may wake it at once, and the count must never be the one with which it went to sleep.
        control.workerBellCount.increment()
        control.workerBell.wake()
    }

    /// A message needs a byte.
    private static let ring: [UInt8] = [1]

    // MARK: What is in flight

    var inFlightCount: Int { inFlight.count }

    var oldestSequence: UInt64? {
        inFlight.isEmpty ? nil : nextSequence - UInt64(inFlight.count)
    }

    private func sequence(at index: Int) -> UInt64 {
        nextSequence - UInt64(inFlight.count) + UInt64(index)
    }

    func revoke(at index: Int) -> Bool {
        let sequence = sequence(at: index)
        return control.state(of: sequence).replace(
            FrameState.queued.word(sequence),
            with: FrameState.revoked.word(sequence)
        )
    }

    func requestStop(at index: Int, item: UInt32?) {
        stopRequested = sequence(at: index)
        control.stopRequest.publish(CallNumber(sequence: sequence(at: index), item: item).word)
        // One that is full rings already, and one that is closed has nobody behind it.
        try? stopBell.send(Self.ring)
    }

    func isStarted(at index: Int) -> Bool {
        let sequence = sequence(at: index)
        let state = control.state(of: sequence).load()
        return state != FrameState.queued.word(sequence) && state != FrameState.revoked.word(sequence)
    }

    func payload(at index: Int) -> RequestPayload {
        let request = inFlight[index]
        if let file = request.file { return RequestPayload(.file(file), with: request.attachments) }
        let start = place(of: request.start) + request.payloadOffset
        let payload = RequestPayload(copying: UnsafeRawBufferPointer(start: start, count: request.payloadLength))
        return RequestPayload(payload, with: request.attachments)
    }

    func finishOldest() {
        if let stopRequested, stopRequested == oldestSequence {
            // The numbers of calls go round, and this one's must not stop another.
            control.stopRequest.publish(0)
            self.stopRequested = nil
        }
        inFlight.removeFirst()
    }

    var stage: TaskStage {
        UInt32(exactly: control.stage.load()).flatMap(TaskStage.init) ?? .running
    }

    var startedAt: UInt64 { control.startedAt.load() }

    var processorTimeAtStart: UInt64 { control.processorTimeAtStart.load() }

    var allocationFailed: Bool { control.allocationFailed.load() != 0 }
}
