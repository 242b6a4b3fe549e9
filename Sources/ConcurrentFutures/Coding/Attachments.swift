/// The files that travel with messages, each of which names those that belong to it by their places.
struct Attachments: Sendable {
    /// So many travel with one call or one outcome: each is a descriptor in the sender, on its way, and in the receiver.
    static let limit = 64

    var files: [SharedFile] = []
    /// Why the files did not come, if this process had no room for them.
    var shortage: SystemError?

    static let none = Attachments()

    init(_ files: [SharedFile] = []) {
        self.files = files
    }

    init(lostFor shortage: SystemError) {
        self.shortage = shortage
    }
}

extension BinaryEncoder {
    /// From here on, lets values be encoded whose memory is handed over rather than copied; whoever calls it takes ``takeAttachments()`` too.
    mutating func allowAttachments() {
        session.attachments = []
    }

    var hasAttachments: Bool { session.attachments?.isEmpty == false }

    /// Gives away what has been attached to the messages so far; no more can be.
    mutating func takeAttachments() -> [SharedFile] {
        session.attachments.take() ?? []
    }
}

extension EncodingSession {
    /// Has a file travel with the message.
    ///
    /// - Returns: its place; `nil` if this message goes nowhere where files can go.
    /// - Throws: `AttachmentFailure` if the file cannot go.
    func attach(_ file: SharedFile) throws(AttachmentFailure) -> Int? {
        guard let files = attachments else { return nil }
        if let place = files.firstIndex(where: { $0 === file }) { return place }
        guard files.count < Attachments.limit else { throw .tooMany }
        guard file.isOpen else { throw .closed }
        attachments?.append(file)
        return files.count
    }
}

enum AttachmentFailure: Error {
    case tooMany
    case closed
}
