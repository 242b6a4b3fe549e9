import Synchronization

/// One worker's standard error, as its host reads it.
final class StandardErrorTap: Sendable {
    private struct State {
        /// The beginning of a line whose end has not come yet.
        var line: [UInt8] = []
        var head: [UInt8] = []
        var tail: [UInt8] = []
        var omitted = 0
        /// When something was read last.
        var readAt: UInt64 = 0
        var channel: (any WorkerChannel)?

        var taskStartedAt: UInt64 { channel?.startedAt ?? 0 }
    }

    let descriptor: Descriptor
    let token: UInt64
    private let state = Mutex(State())

    /// What is kept of a task at most: so much of its beginning, and as much of its end. Swift's own report of a crash may be long, and
    /// its first lines say most.
    private static let kept = 4096
    private static let mostPerTurn = 64 * 1024

    init(_ descriptor: Descriptor, token: UInt64) {
        self.descriptor = descriptor
        self.token = token
    }

    /// Says whose standard error it is: the worker's channel tells when a task began.
    func follow(_ channel: any WorkerChannel) {
        state.withLock { $0.channel = channel }
    }

    /// Reads what is there, but not for ever, and gives whole lines out.
    ///
    /// - Returns: whether more may come.
    func read(_ body: ([UInt8]) -> Void) -> Bool {
        var total = 0
        while total < Self.mostPerTurn {
            let (bytes, isOpen) = state.withLock { state -> ([UInt8], Bool?) in
                switch readAvailable(descriptor) {
                case .bytes(let bytes):
                    total += bytes.count
                    remember(bytes, in: &state)
                    return (wholeLines(adding: bytes, in: &state), nil)
                case .nothingYet: return ([], true)
                case .end: return ([], false)
                }
            }
            body(bytes)
            if let isOpen { return isOpen }
        }
        return true
    }

    /// Reads what is there, and gives out also a line that is not whole.
    func drain() -> [UInt8] {
        var all: [UInt8] = []
        _ = read { all += $0 }
        state.withLock { state in
            all += state.line
            if !state.line.isEmpty { all.append(UInt8(ascii: "\n")) }
            state.line = []
        }
        return all
    }

    var lastWords: String {
        state.withLock { state in
            guard state.readAt >= state.taskStartedAt else { return "" }
            let head = String(decoding: state.head, as: UTF8.self)
            let tail = String(decoding: state.tail, as: UTF8.self)
            return state.omitted == 0 ? head + tail : "\(head)\n… \(state.omitted) bytes …\n\(tail)"
        }
    }

    private func wholeLines(adding bytes: [UInt8], in state: inout State) -> [UInt8] {
        state.line += bytes
        guard let end = state.line.lastIndex(of: UInt8(ascii: "\n")) else {
            if state.line.count < Self.kept { return [] }
            defer { state.line = [] }
            return state.line
        }
        let lines = Array(state.line[...end])
        state.line.removeSubrange(...end)
        return lines
    }

    private func remember(_ bytes: [UInt8], in state: inout State) {
        // What was read before the task began is of an earlier one. (What an earlier one wrote may be read later; then it is taken for
        // this one's, which is better than losing what this one wrote.)
        if state.readAt < state.taskStartedAt {
            state.head = []
            state.tail = []
            state.omitted = 0
        }
        state.readAt = monotonicNanoseconds()
        let room = Self.kept - state.head.count
        state.head += bytes.prefix(room)
        state.tail += bytes.dropFirst(room)
        if state.tail.count > Self.kept {
            state.omitted += state.tail.count - Self.kept
            state.tail.removeFirst(state.tail.count - Self.kept)
        }
    }
}
