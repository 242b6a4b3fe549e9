extension PoolError {
    /// What a worker's end means for the task it was running.
    ///
    /// - Parameters:
    ///   - status: how it ended; `nil` if nobody saw it.
    ///   - victim: what it was running; `nil` if nothing.
    static func workerEnded(
        _ link: WorkerLink,
        status: ExitStatus?,
        victim: PoolCore.Victim?,
        standardError: String
    ) -> PoolError {
        let process = "the worker process" + (link.pid.map { " \($0)" } ?? "")
        let work = victim.map { " while it \($0.activity)" } ?? ""
        var error: PoolError
        if let misbehaviour = link.misbehaviour {
            error = PoolError(.workerMisbehaved, "\(process) was put down\(work): \(misbehaviour.message)")
        } else if let status {
            let couldNotBegin = !link.isReady && status.exitCode == Worker.failedToStart
            let end =
                if couldNotBegin {
                    "could not begin\(Worker.whyItFailed(in: standardError))"
                } else {
                    link.isStuck ? "did not get ready to begin in 30 seconds, and was killed" : status.sentence
                }
            error = PoolError(.workerCrashed, "\(process) \(end)\(work)")
            error.signal = status.signal == 0 ? nil : status.signal
            error.exitCode = status.exitCode
        } else {
            error = PoolError(
                .workerCrashed,
                "\(process) went with its fork server, which is lost\(work); the pool has started another"
            )
        }
        error.pid = link.pid
        error.standardError = standardError.isEmpty ? nil : standardError
        return error
    }
}

extension PoolCore.Victim {
    /// What the worker did, to be put behind "while it".
    var activity: String {
        let call = "\(function.displayName), submitted at \(options.file):\(options.line)"
        return switch stage {
        case .decodingArguments: "decoded the arguments of \(call)"
        case .encodingResult: "encoded the result of \(call)"
        case .idle, .initializing, .running: "ran \(call)"
        }
    }
}

extension ExitStatus {
    /// How it ended, to be put behind the name of who did.
    var sentence: String {
        if let exitCode { return "exited with code \(exitCode)" }
        let name = signalName(signal)
        return switch name {
        case "SIGILL", "SIGTRAP":
            """
            trapped (\(name)): a fatalError, a failed precondition, an index out of range, an overflow or a nil that was \
            unwrapped
            """
        case "SIGKILL": "was killed (SIGKILL), by somebody or because memory ran out,"
        default: "was ended by signal \(signal) (\(name))"
        }
    }
}
