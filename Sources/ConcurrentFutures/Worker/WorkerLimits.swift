/// What a worker may use, as far as it sees to that itself.
struct WorkerLimits {
    /// What its tasks may use, and what ends it when one has.
    private let processorTime: (limit: UInt64, timer: ProcessorTimer)?
    /// What memory it had at its birth; `nil` if nobody watches its memory.
    let memoryBaseline: UInt64?

    /// Beyond its limit a worker can have memory that it does not use: the stacks of threads above all, of which Swift starts some. Refusal is
    /// for what grows faster than it can be watched.
    private static let slack: UInt64 = 256 << 20

    /// There are none.
    static var none: WorkerLimits { WorkerLimits() }

    private init() {
        processorTime = nil
        memoryBaseline = nil
    }

    /// - Parameter channel: where the host can read afterwards what ended this process.
    init(_ settings: WorkerSettings, _ channel: any TaskChannel) throws {
        processorTime = try settings.processorTimeLimit.map { ($0, try ProcessorTimer()) }
        memoryBaseline = try settings.memoryLimit.map { limit in
            let memory = try ProcessMemory.Reader(pid: nil).read()
            guard let memory else { throw SystemError("pread(/proc/self/statm)") }
            AllocationFailures.watch(channel.allocationFailureNote)
            try CurrentProcess.limitData(to: memory.data + limit + limit / 4 + Self.slack)
            return memory.own
        }
    }

    /// Whether ``taskBegins(_:)`` and ``taskEnds()`` do anything.
    var areSetForTasks: Bool { memoryBaseline != nil || processorTime != nil }

    /// To be called on the thread that runs tasks.
    func prepareTaskThread() {
        if memoryBaseline != nil { AllocationFailures.prepareThread() }
    }

    func taskBegins(_ channel: any TaskChannel) {
        if memoryBaseline != nil { AllocationFailures.forget() }
        if let (limit, timer) = processorTime {
            channel.note(processorTime: ProcessorTimer.used)
            timer.start(limit)
        }
    }

    func taskEnds() {
        processorTime?.timer.stop()
    }
}
