import Glibc

// What the host takes from a worker's ring of replies. Nothing that stands there is believed.

extension RingChannel {
    func receive(atMost most: Int, _ body: (Reply) -> Void) throws(ChannelFailure) {
        let tail = control.replyTail.load()
        guard tail != reader.head else { return }
        var left = most
        while left > 0, let frame = try reader.next(before: tail) {
            left -= 1
            let payload: Result<Payload, SystemError> =
                switch frame.content {
                case .inline(let bytes) where !frame.isAttached: .success(Payload(copying: bytes))
                case .inline(let bytes): try receiveFiles(with: Payload(copying: bytes))
                case .file(let count): try receiveFiles(count: count, isAttached: frame.isAttached)
                case .lent(let count, let runs): try receiveLent(count: count, runs, isAttached: frame.isAttached)
                }
            body(Reply(kind: frame.kind, lateness: frame.lateness, sequence: frame.sequence, received: payload))
        }
        control.replyHead.publish(reader.head)
        fullFence()
        if control.workerWaitsForSpace.load() != 0, control.workerWaitsForSpace.exchange(0) != 0 { wake() }
    }

    func receiveUnpublished(_ body: (Reply) -> Void) throws(ChannelFailure) {
        guard let frame = try reader.unpublished(OpenItems(word: control.openItems.load())),
            case .inline(let bytes) = frame.content
        else { return }
        let payload = Payload(copying: bytes)
        body(Reply(kind: frame.kind, lateness: frame.lateness, sequence: frame.sequence, received: .success(payload)))
    }

    /// Takes in a payload that is in a memory file.
    ///
    /// - Returns: a failure if this process has no descriptors or no memory for it, for which its sender is not to blame.
    private func receiveFiles(count: Int, isAttached: Bool) throws(ChannelFailure) -> Result<Payload, SystemError> {
        try receiveFiles { descriptors throws(SystemError) in
            guard !descriptors.isEmpty, (descriptors.count > 1) == isAttached else { return nil }
            let payload = try MemoryFile.payload(received: descriptors[0], count: count)
            return Payload(payload, attachments: try Self.attachments(descriptors.dropFirst()))
        }
    }

    /// Takes in a payload that is in a file of the worker's.
    private func receiveLent(
        count: Int,
        _ runs: [Range<Int>],
        isAttached: Bool
    ) throws(ChannelFailure) -> Result<Payload, SystemError> {
        try receiveFiles { descriptors throws(SystemError) in
            guard !descriptors.isEmpty, (descriptors.count > 1) == isAttached else { return nil }
            let payload = try lentFiles.payload(in: descriptors[0], count: count, runs: runs)
            return Payload(payload, attachments: try Self.attachments(descriptors.dropFirst()))
        }
    }

    /// Takes in the files that belong to a payload.
    private func receiveFiles(with payload: Payload) throws(ChannelFailure) -> Result<Payload, SystemError> {
        try receiveFiles { descriptors throws(SystemError) in
            guard !descriptors.isEmpty else { return nil }
            return Payload(payload, attachments: try Self.attachments(descriptors[...]))
        }
    }

    private static func attachments(_ descriptors: ArraySlice<Descriptor>) throws(SystemError) -> [SharedFile] {
        guard descriptors.count <= Attachments.limit else {
            throw SystemError("too many shared arrays", number: EINVAL)
        }
        var files: [SharedFile] = []
        for descriptor in descriptors { files.append(try SharedFile(sentByWorker: descriptor)) }
        return files
    }

    /// - Parameter take: returns `nil` if the descriptors are not as many as were announced.
    private func receiveFiles(
        _ take: ([Descriptor]) throws(SystemError) -> Payload?
    ) throws(ChannelFailure) -> Result<Payload, SystemError> {
        do {
            guard let message = try socket.receive() else {
                throw ChannelFailure(message: "a reply whose memory file did not come")
            }
            guard message.bytes == MemoryFile.announcement,
                let payload = try take(try message.descriptors.get())
            else {
                throw ChannelFailure(message: "a message that announces no memory file")
            }
            return .success(payload)
        } catch let failure as ChannelFailure {
            throw failure
        } catch let error as SystemError where error.isShortage && !error.isTransient {
            return .failure(error)
        } catch {
            throw ChannelFailure(message: "a reply whose memory file cannot be used: \(error)")
        }
    }

    func prepareToSleep() -> Bool {
        control.hostSleeps.note(1)
        fullFence()
        return control.replyTail.load() == reader.head
    }

    func wakeUp() {
        control.hostSleeps.note(0)
    }
}
