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
    /// - Returns: what it writes can be seen through, and the end that it is given.
    func makeTap() throws(SystemError) -> (reading: StandardErrorTap, writing: Descriptor) {
        let (reading, writing) = try makePipe()
        let tap = state.withLock { state in
            let tap = StandardErrorTap(reading, token: state.nextToken)
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
            if state.leftOver.count < Self.mostLeftOver { state.leftOver += rest }
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
            let taps = state.withLock { state in ready.compactMap { state.taps[$0] } }
            for tap in taps {
                let isOpen = tap.read { lines in forward(lines) }
                if !isOpen { poller.remove(tap.descriptor) }
            }
            // Asked last: the bell that told of it may have been heard while something was written.
            let (leftOver, isClosed) = state.withLock { state in
                defer { state.leftOver = [] }
                return (state.leftOver, state.isClosed)
            }
            forward(leftOver)
            if isClosed { return }
        }
    }

    /// Writes to this program's standard error. If nobody reads that, it waits, so that workers that write much wait too; but not once
    /// the pool has ended.
    private func forward(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let deadline = state.withLock { $0.isClosed } ? Self.patience : nil
            switch StandardError.wait(orFor: bell.descriptor, milliseconds: deadline ?? -1) {
            case .writable: rest = rest.dropFirst(StandardError.writeSome(rest))
            case .interrupted: bell.silence()
            case .gaveUp: return
            }
        }
    }

    /// How many milliseconds a pool that has ended waits for somebody to read what its workers wrote.
    private static let patience: Int32 = 500
    /// What is kept of workers that have ended while nobody reads.
    private static let mostLeftOver = 1 << 20
}
