import ConcurrentFutures
import Glibc

/// A failure that was not the task's own doing, to be explained by what was inflicted.
struct Suspect: Sendable {
    let trial: Trial
    let error: PoolError
    let end = monotonicTime()
}

/// Decides whether tasks ended as they may.
struct Judge: Sendable {
    let ledger: Ledger
    let inflictions: Inflictions

    /// A task has ended.
    ///
    /// - Parameters:
    ///   - isRight: whether a value is the one that it should have.
    ///   - isOwn: whether an error is one with which it was to fail.
    func judge<Value>(
        _ outcome: Result<Value, any Error>,
        of trial: Trial,
        isRight: (Value) -> Bool,
        isOwn: (any Error) -> Bool = { _ in false }
    ) {
        switch outcome {
        case .success(let value):
            if trial.cancelled == .promised {
                violation(trial, "a value, though it was cancelled")
            } else if isRight(value) {
                ledger.count("finished")
            } else {
                violation(trial, "a wrong value: \(String(describing: value).prefix(100))")
            }
        case .failure(let error):
            judge(error, of: trial, isOwn: isOwn)
        }
    }

    func judge(_ error: any Error, of trial: Trial, isOwn: (any Error) -> Bool) {
        if let failures = (error as? PoolError)?.previousFailures {
            ledger.count("retried", failures.count)
            for failure in failures where !isOwn(failure) { explain(failure, of: trial) }
        }
        if error is CancellationError {
            if trial.cancelled == .none { return violation(trial, "cancelled by nobody") }
            ledger.count("cancelled")
        } else if trial.cancelled == .promised {
            violation(trial, "it was cancelled, and yet failed with \(error)")
        } else if isOwn(error) {
            ledger.count("failed as \(trial.kind) may")
        } else {
            explain(error, of: trial)
        }
    }

    private func explain(_ error: any Error, of trial: Trial) {
        guard let error = error as? PoolError else { return violation(trial, "\(error)") }
        let suspect = Suspect(trial: trial, error: error)
        if let reason = excuse(for: suspect, begins: nil) {
            ledger.count("failed because \(reason)")
        } else {
            ledger.suspect(suspect)
        }
    }

    private func violation(_ trial: Trial, _ what: String) {
        ledger.violation("\(trial.kind) \(trial.shortID): \(what)")
    }

    // MARK: At the end

    /// Judges what could not be explained before all was known.
    func close(_ entries: [BeginLog.Entry]) {
        var begins: [UInt64: [BeginLog.Entry]] = [:]
        for entry in entries { begins[entry.id, default: []].append(entry) }
        for suspect in ledger.suspects {
            let own = begins[suspect.trial.id] ?? []
            if let reason = excuse(for: suspect, begins: own) {
                ledger.count("failed because \(reason)")
            } else {
                violation(suspect.trial, "\(suspect.error)\n\(history(of: suspect, own))")
            }
        }
        let forkServersSuffered = inflictions.count(Set(Inflictions.Deed.allCases), isForkServer: true) > 0
        for (id, own) in begins where own.count > 1 {
            let isRunAgain = id & Ledger.retryFlag != 0
            let attempts = Set(own.map(\.attempt)).count
            // The loss of a fork server counts as no attempt.
            guard !isRunAgain || (attempts < own.count && !forkServersSuffered) else { continue }
            ledger.violation("task \(id & ~Ledger.retryFlag) was begun \(own.count) times:\n\(lines(own, since: 0))")
        }
    }

    // MARK: Explanations

    /// What follows a stopped process: other tasks have waited meanwhile.
    private static let aftermath: UInt64 = 4_000_000_000
    /// A fork server that stands still is given up after it has not answered for two seconds.
    private static let timeToLoss: UInt64 = 6_000_000_000
    /// By how much a busy machine may delay a task that runs.
    private static let tolerance = Duration.seconds(3)

    /// Why a task failed in that way through no fault of the pool's; `nil` if there is no reason.
    ///
    /// - Parameter begins: what is known of when it began; `nil` if that is not known yet.
    private func excuse(for suspect: Suspect, begins: [BeginLog.Entry]?) -> String? {
        let error = suspect.error
        let deeds = Set(error.pid.map { inflictions.of($0).map(\.deed) } ?? [])
        switch error.code {
        case .workerCrashed:
            if error.signal == nil, error.exitCode == nil {
                let forkServers = inflictions.between(suspect.trial.start, suspect.end, aftermath: Self.timeToLoss)
                return forkServers.contains(where: \.isForkServer) ? "its fork server was killed or stopped" : nil
            }
            if deeds.contains(.killed), error.signal == SIGKILL { return "its worker was killed" }
            return deeds.contains(.squeezed) ? "its worker was refused memory" : nil
        case .memoryLimitExceeded:
            return deeds.contains(.squeezed) ? "its worker was refused memory" : nil
        case .encodingFailed:
            let deeds = begins?.last.map { inflictions.of($0.pid).map(\.deed) } ?? []
            return deeds.contains(.squeezed) ? "its worker was refused memory" : nil
        case .timedOut:
            return excuseForDelay(of: suspect, begins)
        default:
            return nil
        }
    }

    private func excuseForDelay(of suspect: Suspect, _ begins: [BeginLog.Entry]?) -> String? {
        let hindrances = inflictions.between(suspect.trial.start, suspect.end, aftermath: Self.aftermath)
        guard let begins, !hindrances.isEmpty else { return nil }
        let hindrance = hindrances.contains(where: \.isForkServer) ? "a fork server" : "a worker"
        guard let begin = begins.last else { return "it was kept waiting by \(hindrance)" }
        if !inflictions.of(begin.pid).isEmpty { return "its worker was stopped or killed" }
        // It tells how workers have ended, and until it has, or was given up, their tasks wait.
        let earliest = max(begin.time, suspect.end - min(suspect.end, Self.timeToLoss))
        let sinceBegin = inflictions.between(earliest, suspect.end, aftermath: 0)
        if sinceBegin.contains(where: \.isForkServer) { return "its fork server was killed or stopped" }
        let ran = Duration.nanoseconds(Int64(suspect.end) - Int64(begin.time))
        return ran < suspect.trial.duration + Self.tolerance ? "it was begun late because of \(hindrance)" : nil
    }

    private func history(of suspect: Suspect, _ begins: [BeginLog.Entry]) -> String {
        let start = suspect.trial.start
        var text = "    deadline \(suspect.trial.deadline), ended after \(milliseconds(suspect.end, since: start)) ms\n"
        text += lines(begins, since: start)
        for pid in Set([suspect.error.pid].compactMap(\.self) + begins.map(\.pid)) {
            text += lines(inflictions.of(pid), since: start)
        }
        let others = inflictions.between(start, suspect.end, aftermath: Self.aftermath).filter(\.isForkServer)
        return text + lines(others, since: start)
    }

    private func lines(_ begins: [BeginLog.Entry], since start: UInt64) -> String {
        begins.map { "    begun in \($0.pid) at \(milliseconds($0.time, since: start)) ms, attempt \($0.attempt)\n" }
            .joined()
    }

    private func lines(_ inflictions: [Inflictions.Infliction], since start: UInt64) -> String {
        inflictions.map { infliction in
            let end = infliction.end.map { "\(milliseconds($0, since: start))" } ?? ""
            let whose = infliction.isForkServer ? "fork server" : "worker"
            return """
                    \(whose) \(infliction.pid) \(infliction.deed) at \(milliseconds(infliction.start, since: start))…\(end) ms

                """
        }.joined()
    }

    private func milliseconds(_ time: UInt64, since start: UInt64) -> Int64 {
        (Int64(time) - Int64(start)) / 1_000_000
    }
}
