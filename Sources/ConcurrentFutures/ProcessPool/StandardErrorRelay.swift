import Synchronization

/// Passes on what workers write to their standard error, and remembers what a crash has to say.
///
/// It has a thread of its own, because this program's standard error may be a pipe that nobody reads: that must hold up nothing else.
final class StandardErrorRelay: Sendable {
    private struct State {
        var taps: [UInt64: StandardErrorTap] = [:]
        var nextToken: UInt64 = 1
        /// What is to be written, from workers that have ended, or of the pool's own.
        var leftOver: [UInt8] = []
        /// Until when somebody may read what is left, once the pool has ended.
        var deadline: UInt64?
        /// Waits then for the thread to end.
        var closer: ThreadParker?
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
    /// - Returns: what it writes can be seen through, and the end that it is given.
    func makeTap() throws(SystemError) -> (reading: StandardErrorTap, writing: Descriptor) {
        let (reading, writing) = try makePipe()
        try startThread()
        let tap = state.withLock { state in
            let tap = StandardErrorTap(reading, token: state.nextToken)
            state.taps[tap.token] = tap
            state.nextToken += 1
            return tap
        }
        do throws(SystemError) {
            try poller.add(reading, token: tap.token)
        } catch {
            state.withLock { $0.taps[tap.token] = nil }
            throw error
        }
        return (tap, writing)
    }

    private func startThread() throws(SystemError) {
        guard state.withLock({ $0.thread == nil }) else { return }
        let thread = try SystemThread.startJoinable(name: "cf-stderr") { self.run() }
        state.withLock { $0.thread = thread }
    }

    /// Writes a line of the pool's own, if there is a thread that could wait until somebody reads it.
    func say(_ line: String) {
        guard (try? startThread()) != nil else { return }
        state.withLock { state in
            if state.leftOver.count < Self.mostLeftOver { state.leftOver += Array(line.utf8) }
        }
        bell.ring()
    }

    /// Takes a dead worker's tap out, and what it wrote last.
    ///
    /// - Returns: the beginning and the end of what it wrote during its last task.
    func remove(_ tap: StandardErrorTap) -> String {
        poller.remove(tap.descriptor)
        let rest = tap.drain()
        state.withLock { state in
            state.taps[tap.token] = nil
            if state.leftOver.count < Self.mostLeftOver { state.leftOver += rest }
        }
        if !rest.isEmpty { bell.ring() }
        return tap.lastWords
    }

    /// Writes what is left, as far as somebody reads it soon, and ends the thread.
    func close() {
        let closer = ThreadParker()
        let thread = state.withLock { state in
            state.deadline = monotonicNanoseconds() + Self.patience
            state.closer = closer
            return state.thread.take()
        }
        guard let thread else { return }
        bell.ring()
        // What can be written to may have been filled by others before it is, or be a terminal that was stopped: then the thread is left to it.
        if closer.park(for: Self.longestClose) { thread.join() } else { thread.detach() }
    }

    private func run() {
        while true {
            var ready: [UInt64] = []
            poller.wait(timeoutMilliseconds: -1) { ready.append($0) }
            if ready.contains(Self.bellToken) { bell.silence() }
            let taps = state.withLock { state in ready.compactMap { state.taps[$0] } }
            for tap in taps {
                let isOpen = tap.read { lines in forward(lines) }
                if !isOpen { poller.remove(tap.descriptor) }
            }
            // Asked last: the bell that told of it may have been heard while something was written.
            let (leftOver, closer) = state.withLock { state in
                defer { state.leftOver = [] }
                return (state.leftOver, state.closer)
            }
            forward(leftOver)
            if let closer { return closer.unpark() }
        }
    }

    /// Writes to this program's standard error. If nobody reads that, it waits, so that workers that write much wait too; but not once
    /// the pool has ended.
    private func forward(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            var milliseconds: Int32 = -1
            if let deadline = state.withLock({ $0.deadline }) {
                let now = monotonicNanoseconds()
                guard now < deadline else { return }
                milliseconds = Int32((deadline - now) / 1_000_000)
            }
            switch StandardError.wait(orFor: bell.descriptor, milliseconds: milliseconds) {
            case .writable: rest = rest.dropFirst(StandardError.writeSome(rest))
            case .interrupted: bell.silence()
            case .gaveUp: return
            }
        }
    }

    /// How many nanoseconds a pool that has ended waits for somebody to read what its workers wrote.
    private static let patience: UInt64 = 1_000_000_000
    private static let longestClose = Duration.milliseconds(1500)
    /// What is kept of workers that have ended while nobody reads.
    private static let mostLeftOver = 1 << 20
}
