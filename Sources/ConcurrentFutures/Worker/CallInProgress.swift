import Synchronization

/// Which call a worker is at work on, and how it is asked to stop: what the task thread, which runs the calls, and the main thread, which
/// hears of requests to stop, have in common.
///
/// A call is stopped by cancelling the Swift task that runs it. That task runs one call after another, and cannot be made fresh again:
/// so a call that was stopped is its last, and no other call ever sees that it was cancelled.
final class CallInProgress: Sendable {
    private let channel: any TaskChannel & Sendable
    private let task = Mutex<Task<Void, Never>?>(nil)
    /// The number of the call; 0 between calls; with ``stopping`` while and after it is stopped.
    private let current = Atomic<UInt64>(0)
    private let isStopped = Atomic<Bool>(false)

    private static let stopping: UInt64 = 1 << 63

    init(_ channel: any TaskChannel & Sendable) {
        self.channel = channel
    }

    /// Says which Swift task runs the calls from now on.
    func follow(_ task: Task<Void, Never>) {
        self.task.withLock { $0 = task }
    }

    /// A call begins; on the task thread.
    ///
    /// - Returns: whether it was asked to stop already, so that it need not begin.
    func begin(_ call: CallNumber) -> Bool {
        // An exchange, because of what follows: either this sees the request, or who looks into the request sees the call.
        _ = current.exchange(call.word, ordering: .sequentiallyConsistent)
        return channel.stopRequest.covers(call)
    }

    /// The call has ended; on the task thread.
    ///
    /// - Returns: whether it was stopped, and the Swift task is of no more use.
    func end() -> Bool {
        guard current.exchange(0, ordering: .sequentiallyConsistent) & Self.stopping != 0 else { return false }
        // The other thread is about to cancel, or has. After this it touches the Swift task no more.
        while !isStopped.exchange(false, ordering: .acquiringAndReleasing) { yieldProcessor() }
        return true
    }

    /// Stops what is to be stopped, if it is at work; on the main thread.
    func obeyStopRequest() {
        let request = channel.stopRequest
        while true {
            let call = current.load(ordering: .sequentiallyConsistent)
            guard call != 0, call & Self.stopping == 0, request.covers(CallNumber(word: call)) else { return }
            let (isMine, _) = current.compareExchange(
                expected: call,
                desired: call | Self.stopping,
                ordering: .sequentiallyConsistent
            )
            guard isMine else { continue }
            task.withLock { $0 }?.cancel()
            return isStopped.store(true, ordering: .releasing)
        }
    }
}
