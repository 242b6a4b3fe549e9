import CSystemShims

/// A worker's end of two rings in shared memory.
///
/// All but what says that it may be used from any thread belongs to the task thread: that is what the unchecked conformance rests on.
final class RingTaskChannel: TaskChannel, @unchecked Sendable {
    private let requests: MemoryMapping
    private let replies: MemoryMapping
    private let control: ControlBlock
    private let requestTail: SharedWord
    private let bell: Doorbell
    private let bellIdentity: Descriptor.Identity?
    private let socket: MessageSocket
    private var argumentMappings = ArgumentMappings()
    /// Those of the request that was taken last, if they are in a file.
    private var arguments: ReceivedArguments?
    let resultFiles: any WarmFileSource = ResultFiles()
    let stopBell: MessageSocket

    // Used several times for each request. Nothing that is called during an access comes back here, so no two accesses can overlap, and none is checked.
    @exclusivity(unchecked) private var requestHead: UInt64 = 0
    @exclusivity(unchecked) private var replyTail: UInt64 = 0
    /// How far the host was known to have taken replies.
    @exclusivity(unchecked) private var replyHead: UInt64 = 0
    @exclusivity(unchecked) private var wait = RequestWait()
    /// Of the task thread, so asked for by it.
    private lazy var napsAreShort = (0...Self.mostTimerSlack).contains(cf_prctl_get_timer_slack())
    /// The outcomes of items behind the tail that are not published yet, and how many bytes they have.
    private var openItems: (header: ReplyHeader, bytes: Int)?

    /// Nobody need wake before. But whatever runs in this process could have written over the word that says whether the host sleeps; then this is
    /// how long a reply lies unseen. With no reply under way there is nothing to wake for: that a request lies unseen is found by the host.
    private static let longestSleep: Int64 = 2_000_000_000

    /// - Throws: ``SystemError`` if the rings cannot be mapped.
    init(_ end: RingChannel.WorkerEnd) throws(SystemError) {
        let requestFile = try MemoryFile(
            received: end.requests,
            required: [.shrink, .futureWrite],
            minimumSize: ChannelLayout.Requests.headerSize + ChannelLayout.ringSize
        )
        requests = try MemoryMapping(
            ring: requestFile,
            headerCount: ChannelLayout.Requests.headerSize,
            ringCount: ChannelLayout.ringSize,
            writable: false
        )
        replies = try end.mapControl()
        // A child that a task forks would otherwise share the rings and could write into them.
        try requests.keepFromChildren()
        try replies.keepFromChildren()
        control = ControlBlock(at: replies.base)
        requestTail = SharedWord(at: requests.base + ChannelLayout.Requests.tail)
        bell = Doorbell(end.bell)
        bellIdentity = end.bell.identity
        socket = MessageSocket(end.socket)
        stopBell = MessageSocket(end.stopBell)
    }

    func nextRequest(define: (UInt32, UnsafeRawBufferPointer) -> Void) -> IncomingRequest? {
        arguments = nil
        while true {
            waitForRequest()
            let frame =
                requests.base + ChannelLayout.Requests.headerSize
                + Int(requestHead % UInt64(ChannelLayout.ringSize))
            let header = frame.load(as: RequestHeader.self)
            let flags = RequestHeader.Flags(rawValue: header.flags)
            if flags.contains(.stop) { return nil }
            requestHead += UInt64(header.length)
            wait.took(mayNap: flags.contains(.unhurried) && napsAreShort)
            let isTimed = flags.contains(.timed)
            let definition = UnsafeRawBufferPointer(
                start: frame + RequestHeader.size + (isTimed ? RequestTiming.size : 0),
                count: Int(header.definitionLength)
            )
            if !definition.isEmpty { define(header.functionNumber, definition) }
            // The memory file of a revoked request is taken from the socket all the same: the next one is behind it. And it is taken before
            // the request is started: one that could not be begun because an earlier task has closed the socket has not failed.
            let files = receiveFiles(flags, count: Int(header.payloadLength))
            arguments = files.arguments
            // Before it counts as started: whoever sees that it has must not take the last one's time for its own.
            control.startedAt.publish(monotonicNanoseconds())
            let started = control.state(of: header.sequence).replace(
                FrameState.queued.word(header.sequence),
                with: FrameState.started.word(header.sequence)
            )
            guard started else {
                guard control.state(of: header.sequence).load() == FrameState.revoked.word(header.sequence) else {
                    controlWasOverwritten()
                }
                publish(.revoked, sequence: header.sequence, lateness: .none, .none, files: [])
                continue
            }
            let inline = UnsafeRawBufferPointer(
                start: definition.baseAddress! + roundedUp(definition.count, to: 8),
                count: Int(header.payloadLength)
            )
            return IncomingRequest(
                header: header,
                timing: isTimed ? (frame + RequestHeader.size).load(as: RequestTiming.self) : RequestTiming(),
                payload: files.arguments?.bytes ?? inline,
                origin: files.arguments?.byteOrigin,
                attachments: files.attachments
            )
        }
    }

    private func waitForRequest() {
        while requestTail.load() == requestHead {
            switch wait.nextStep() {
            case .look: break
            case .nap: _ = rest(.nap, atMost: Self.napTime)
            case .sleep:
                let start = monotonicNanoseconds()
                let hasNothingToTell = control.replyHead.load() == replyTail
                let isOver = rest(.sleep, atMost: hasNothingToTell ? -1 : Self.longestSleep)
                if isOver { ringIfUnseen() }
                wait.slept(nanoseconds: monotonicNanoseconds() - start)
            }
        }
        wait.found()
    }

    /// In nanoseconds; the system adds the 50 µs by which it commonly puts timers off.
    private static let napTime: Int64 = 10_000
    /// Where it puts them off for longer there are no naps; in nanoseconds.
    private static let mostTimerSlack: Int32 = 100_000

    /// Sleeps until there is a request that the host wakes for, or the time has passed.
    ///
    /// - Returns: whether it has passed.
    private func rest(_ rest: WorkerRest, atMost limit: Int64) -> Bool {
        let count = UInt32(truncatingIfNeeded: control.workerBellCount.load())
        control.workerRest.note(rest.rawValue)
        fullFence()
        let isOver =
            requestTail.load() == requestHead && control.workerBell.sleep(whileEqualTo: count, atMost: limit)
        control.workerRest.note(WorkerRest.none.rawValue)
        return isOver
    }

    private func sleep(whileBellIs count: UInt32, atMost limit: Int64 = RingTaskChannel.longestSleep) {
        if control.workerBell.sleep(whileEqualTo: count, atMost: limit) { ringIfUnseen() }
    }

    private func ringIfUnseen() {
        if control.replyHead.load() != replyTail { ring() }
    }

    private func ring() {
        // Whoever closes all descriptors closes this one too, and the next file that is opened may have its number.
        guard let bellIdentity, bell.descriptor.identity == bellIdentity else {
            fatalError("something in this process closed the descriptors with which it answers its host")
        }
        bell.ring()
    }

    /// Takes the files of a request, those of one that has been revoked too.
    ///
    /// A task whose attached files find no room in this process fails; without its arguments' own nothing can be said of it.
    private func receiveFiles(
        _ flags: RequestHeader.Flags,
        count: Int
    ) -> (arguments: ReceivedArguments?, attachments: Attachments) {
        guard !flags.isDisjoint(with: [.payloadInFile, .attached]) else { return (nil, .none) }
        do {
            guard let received = try socket.receive()?.descriptors else {
                fatalError("the memory file of a task's arguments did not come")
            }
            guard flags.contains(.payloadInFile) else {
                switch received {
                case .success(let descriptors):
                    return (nil, Attachments(descriptors.map { SharedFile(received: $0) }))
                case .failure(let shortage):
                    return (nil, Attachments(lostFor: shortage))
                }
            }
            let descriptors = try received.get()
            let arguments = try argumentMappings.arguments(in: descriptors[0], count: count)
            return (arguments, Attachments(descriptors.dropFirst().map { SharedFile(received: $0) }))
        } catch {
            fatalError("the memory file of a task's arguments cannot be used: \(error)")
        }
    }

    func reply(
        _ kind: ReplyHeader.Kind,
        sequence: UInt64,
        lateness: ReplyHeader.Lateness,
        payload: ReplyPayload
    ) throws(SystemError) {
        publishItems()
        arguments?.endLoans()
        if !kind.isAboutStart { checkStates(sequence) }
        var files: ReplyHeader.Files = []
        if payload.isBig { files.formUnion(payload.file == nil ? .payload : [.payload, .lent]) }
        if !payload.attachments.isEmpty { files.insert(.attached) }
        if !files.isEmpty { try sendFiles(files, payload) }
        publish(kind, sequence: sequence, lateness: lateness, payload, files: files)
    }

    /// Files that the host has not taken yet count against what all processes of a user may have under way together: so many results wait
    /// until it has read on, as those do that find no room in the ring. What nobody can be waited for does not wait long.
    private func sendFiles(
        _ files: ReplyHeader.Files,
        _ payload: ReplyPayload
    ) throws(SystemError) {
        let deadline = monotonicNanoseconds() + Self.patience
        // Before it can be given back.
        if files.contains(.lent) { payload.file?.lend() }
        while true {
            do throws(SystemError) {
                var descriptors = payload.attachments.map(\.descriptor)
                if files.contains(.lent), let file = payload.file {
                    descriptors.insert(file.file.descriptor, at: 0)
                } else if files.contains(.payload) {
                    descriptors.insert(try MemoryFile(sealing: payload.bytes, name: "cf-result").descriptor, at: 0)
                }
                return try socket.send(MemoryFile.announcement, descriptors: descriptors.map(\.number))
            } catch {
                let isHostBehind = control.replyHead.load() != replyTail
                guard error.isShortage, isHostBehind || monotonicNanoseconds() < deadline else {
                    payload.file?.takeBack()
                    throw error
                }
                let count = UInt32(truncatingIfNeeded: control.workerBellCount.load())
                sleep(whileBellIs: count, atMost: Self.timeBetweenTries)
            }
        }
    }

    /// How long what is lacking may be lacking although the host has taken all that came from here, in nanoseconds.
    private static let patience: UInt64 = 1_000_000_000
    private static let timeBetweenTries: Int64 = 1_000_000

    private func publish(
        _ kind: ReplyHeader.Kind,
        sequence: UInt64,
        lateness: ReplyHeader.Lateness,
        _ payload: ReplyPayload,
        files: ReplyHeader.Files
    ) {
        let runs = files.contains(.lent) ? payload.runs : []
        let inline = files.contains(.payload) ? UnsafeRawBufferPointer(start: nil, count: 0) : payload.bytes
        let length = roundedUp(ReplyHeader.size + inline.count + 16 * runs.count, to: 8)
        var header = ReplyHeader()
        header.length = UInt32(length)
        header.kind = kind.rawValue
        header.lateness = lateness.rawValue
        header.files = files.rawValue
        header.sequence = sequence
        header.payloadLength = UInt64(payload.bytes.count)
        waitForSpace(length)
        let frame = placeOfReply
        frame.storeBytes(of: header, as: ReplyHeader.self)
        UnsafeMutableRawBufferPointer(start: frame + ReplyHeader.size, count: inline.count).copyMemory(from: inline)
        for (index, run) in runs.enumerated() {
            let place = frame + ReplyHeader.size + 16 * index
            place.storeBytes(of: UInt64(run.lowerBound), as: UInt64.self)
            place.storeBytes(of: UInt64(run.upperBound), toByteOffset: 8, as: UInt64.self)
        }
        publish(length)
    }

    private var placeOfReply: UnsafeMutableRawPointer {
        replies.base + ChannelLayout.Control.headerSize + Int(replyTail % UInt64(ChannelLayout.ringSize))
    }

    /// Publishes a frame that has been written behind the tail.
    private func publish(_ length: Int) {
        replyTail += UInt64(length)
        // Published before the next task starts: what a task has answered survives whatever its successor does.
        control.replyTail.publish(replyTail)
        fullFence()
        if control.hostSleeps.load() != 0, control.hostSleeps.exchange(0) != 0 { ring() }
    }

    // MARK: Outcomes of items

    func roomForItems(of size: Int, sequence: UInt64) -> ItemRoom {
        if let openItems, openItems.bytes + size > OpenItems.capacity { publishItems() }
        if openItems == nil {
            // Once for each frame: what an item writes over the states is found with the next, or with the reply.
            checkStates(sequence)
            waitForSpace(ReplyHeader.size + OpenItems.capacity)
            var header = ReplyHeader()
            header.kind = ReplyHeader.Kind.items.rawValue
            header.sequence = sequence
            placeOfReply.storeBytes(of: header, as: ReplyHeader.self)
            openItems = (header, 0)
        }
        let frame = placeOfReply + ReplyHeader.size
        let bytes = openItems!.bytes
        return ItemRoom(in: frame, behind: bytes, of: size, position: replyTail, openItems: control.openItems)
    }

    func take(_ room: ItemRoom) {
        openItems!.bytes = room.bytes
    }

    private func publishItems() {
        guard case (var header, let bytes)? = openItems else { return }
        openItems = nil
        guard bytes > 0 else { return }
        let length = roundedUp(ReplyHeader.size + bytes, to: 8)
        header.length = UInt32(length)
        header.payloadLength = UInt64(bytes)
        placeOfReply.storeBytes(of: header, as: ReplyHeader.self)
        publish(length)
    }

    private func waitForSpace(_ length: Int) {
        while !hasSpace(length) {
            let count = UInt32(truncatingIfNeeded: control.workerBellCount.load())
            control.workerWaitsForSpace.note(1)
            fullFence()
            if !hasSpace(length) { sleep(whileBellIs: count) }
            control.workerWaitsForSpace.note(0)
        }
    }

    private func hasSpace(_ length: Int) -> Bool {
        let head = control.replyHead.load()
        guard head >= replyHead, head <= replyTail else { controlWasOverwritten() }
        replyHead = head
        return Int(replyTail - head) + length <= ChannelLayout.ringSize
    }

    /// A task that has written over the states of requests is to fail itself, and not those behind it: so this is looked at before its
    /// outcome is sent.
    private func checkStates(_ sequence: UInt64) {
        guard control.state(of: sequence).load() == FrameState.started.word(sequence) else { controlWasOverwritten() }
        guard requestTail.load() != requestHead else { return }
        let next = control.state(of: sequence + 1).load()
        guard next == FrameState.queued.word(sequence + 1) || next == FrameState.revoked.word(sequence + 1) else {
            controlWasOverwritten()
        }
    }

    private func controlWasOverwritten() -> Never {
        fatalError("something in this process wrote over the memory that it shares with its host")
    }

    func note(_ stage: TaskStage) {
        control.stage.note(UInt64(stage.rawValue))
    }

    func noteItemStart() {
        control.startedAt.publish(monotonicNanoseconds())
    }

    var stopWord: SharedWord { control.stopRequest }

    func note(processorTime: UInt64) {
        control.processorTimeAtStart.note(processorTime)
    }

    var allocationFailureNote: UnsafeMutablePointer<UInt64> { control.allocationFailed.address }
}
