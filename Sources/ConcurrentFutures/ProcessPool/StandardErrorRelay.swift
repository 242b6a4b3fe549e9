import Synchronization

/// Passes on what workers write to their standard error, and remembers what a crash has to say.
///
/// It has a thread of its own, because this program's standard error may be a pipe that nobody reads: that must hold up nothing else.
final class StandardErrorRelay: Sendable {
    private struct State {
        var taps: [UInt64: StandardErrorTap] = [:]
        var nextToken: UInt64 = 1
        /// What is to be written, from workers that have ended.
        var leftOver: [UInt8] = []
        var isClosed = false
        var thread: SystemThread?
    }

    private let poller: Poller
    private let bell: Doorbell
    private let state = Mutex(State())
    private static let bellToken: UInt64 = 0

    init() throws(SystemError) {
        poller = try Poller()
        bell = try Doorbell()
        try poller.add(bell.descriptor, token: Self.bellToken)
    }

    /// Makes a pipe for a new worker.
    ///
    /// - Parameter startedAt: tells when the worker began what it runs.
    /// - Returns: what it writes can be seen through, and the end that it is given.
    func makeTap(startedAt: @escaping @Sendable () -> UInt64) throws(SystemError) -> (StandardErrorTap, Descriptor) {
        let (reading, writing) = try makePipe()
        let tap = state.withLock { state in
            let tap = StandardErrorTap(reading, token: state.nextToken, startedAt: startedAt)
            state.taps[tap.token] = tap
            state.nextToken += 1
            return tap
        }
        try poller.add(reading, token: tap.token)
        if state.withLock({ $0.thread == nil }) {
            let thread = try SystemThread.startJoinable(name: "cf-stderr") { self.run() }
            state.withLock { $0.thread = thread }
        }
        return (tap, writing)
    }

    /// Takes a dead worker's tap out, and what it wrote last.
    ///
    /// - Returns: the beginning and the end of what it wrote during its last task.
    func remove(_ tap: StandardErrorTap) -> String {
        poller.remove(tap.descriptor)
        let rest = tap.drain()
        state.withLock { state in
            state.taps[tap.token] = nil
            state.leftOver += rest
        }
        bell.ring()
        return tap.lastWords
    }

    /// Writes what is left, and ends the thread.
    func close() {
        let thread = state.withLock { state in
            state.isClosed = true
            return state.thread.take()
        }
        bell.ring()
        thread?.join()
    }

    private func run() {
        while true {
            var ready: [UInt64] = []
            poller.wait(timeoutMilliseconds: -1) { ready.append($0) }
            if ready.contains(Self.bellToken) { bell.silence() }
            let (taps, leftOver, isClosed) = state.withLock { state in
                defer { state.leftOver = [] }
                return (ready.compactMap { state.taps[$0] }, state.leftOver, state.isClosed)
            }
            for tap in taps {
                let isOpen = tap.read { lines in writeToStandardError(lines) }
                if !isOpen { poller.remove(tap.descriptor) }
            }
            writeToStandardError(leftOver)
            if isClosed { return }
        }
    }

    private func writeToStandardError(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        CurrentProcess.writeToStandardError(bytes)
    }
}

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
    }

    let descriptor: Descriptor
    let token: UInt64
    private let startedAt: @Sendable () -> UInt64
    private let state = Mutex(State())

    /// What is kept of a task at most: so much of its beginning, and as much of its end. Swift's own report of a crash may be long, and
    /// its first lines say most.
    private static let kept = 4096
    private static let mostPerTurn = 64 * 1024

    init(_ descriptor: Descriptor, token: UInt64, startedAt: @escaping @Sendable () -> UInt64) {
        self.descriptor = descriptor
        self.token = token
        self.startedAt = startedAt
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
            guard state.readAt >= startedAt() else { return "" }
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
        if state.readAt < startedAt() {
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
