extension PoolError {
    /// What a worker's end means for the task it was running, if the worker ended of one of the pool's limits; else `nil`.
    ///
    /// - Parameter memoryPeak: the most memory that was seen of the worker, beyond what it had at its birth.
    static func limitExceeded(
        _ link: WorkerLink,
        status: ExitStatus?,
        victim: PoolCore.Victim?,
        standardError: String,
        memoryPeak: UInt64,
        options: ProcessPoolOptions
    ) -> PoolError? {
        guard let status, let victim, link.misbehaviour == nil else { return nil }
        let reason =
            memoryReason(link, status, memoryPeak, options.memoryLimit)
            ?? processorTimeReason(link, status, options.cpuTimeLimit)
        guard let (code, reason) = reason else { return nil }
        var error = workerEnded(link, status: status, victim: victim, standardError: standardError)
        error.code = code
        let process = "the worker process" + (link.pid.map { " \($0)" } ?? "")
        let end = link.isKilled(status) ? "was killed" : status.sentence
        error.message = "\(process) \(end) while it \(victim.activity): \(reason)"
        return error
    }

    private static func memoryReason(
        _ link: WorkerLink,
        _ status: ExitStatus,
        _ peak: UInt64,
        _ limit: Int?
    ) -> (Code, String)? {
        guard let limit else { return nil }
        var allowed: String { "memoryLimit is \(mebibytes(UInt64(limit)))" }
        let isCrash = AllocationFailures.fatalSignals.contains(status.signal)
        // A worker that is over its limit may die of that by itself, just before it is killed.
        if link.isOverMemoryLimit, isCrash || link.isKilled(status) {
            return (.memoryLimitExceeded, "it took \(mebibytes(peak)) of memory, and \(allowed)")
        }
        // What this rests on is said at `AllocationFailures`.
        if isCrash, link.channel.allocationFailed {
            return (
                .memoryLimitExceeded,
                "it was refused more memory, of which it was last seen to take \(mebibytes(peak)); \(allowed)"
            )
        }
        return nil
    }

    private static func processorTimeReason(
        _ link: WorkerLink,
        _ status: ExitStatus,
        _ limit: Duration?
    ) -> (Code, String)? {
        guard let limit else { return nil }
        let before = min(link.channel.processorTimeAtStart, status.processorTime)
        let used = status.processorTime - before
        let allowed = limit.clampedNanoseconds
        // Another limit than the pool's may send the same signal; the kill follows for who handles it.
        let isWarned = status.signal == ProcessorTimer.signal && used + accuracy >= allowed
        let isEnded = link.isKilled(status) && used + accuracy >= allowed + ProcessorTimer.respite
        guard isWarned || isEnded else { return nil }
        let milliseconds = Duration.milliseconds(Int64(clamping: used / 1_000_000))
        return (.cpuTimeLimitExceeded, "it used \(milliseconds) of processor time, and cpuTimeLimit is \(limit)")
    }

    /// How exactly a process's time is told after its end.
    private static let accuracy: UInt64 = 1_000_000

    /// With one decimal place.
    private static func mebibytes(_ bytes: UInt64) -> String {
        // Rounded in the part that is no whole number, which cannot overflow.
        let tenths = ((bytes & 0xF_FFFF) * 10 + 1 << 19) >> 20
        return "\((bytes >> 20) + tenths / 10).\(tenths % 10) MiB"
    }
}

extension WorkerLink {
    fileprivate func isKilled(_ status: ExitStatus) -> Bool {
        status.exitCode == nil && signalName(status.signal) == "SIGKILL"
    }
}
