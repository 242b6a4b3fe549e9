import ConcurrentFutures
import Glibc

/// A failure that was not the task's own doing, to be explained by what was inflicted.
struct Suspect: Sendable {
    let trial: Trial
    let error: PoolError
    /// Whether the task has ended so, and not only an attempt at it.
    let isEnd: Bool
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
                wrongEnd(trial, "a value, though it was cancelled")
            } else if isRight(value) {
                ledger.end("finished")
            } else {
                wrongEnd(trial, "a wrong value: \(String(describing: value).prefix(100))")
            }
        case .failure(let error):
            judge(error, of: trial, isOwn: isOwn)
        }
    }

    private func judge(_ error: any Error, of trial: Trial, isOwn: (any Error) -> Bool) {
        let previousFailures = (error as? PoolError)?.previousFailures ?? []
        ledger.count("retried", previousFailures.count)
        for failure in previousFailures where !isOwn(failure) { explain(failure, of: trial, isEnd: false) }
        if error is CancellationError {
            if trial.cancelled == .none { return wrongEnd(trial, "cancelled by nobody") }
            return ledger.end("cancelled")
        }
        if trial.cancelled == .promised { return wrongEnd(trial, "it was cancelled, and yet failed with \(error)") }
        if trial.maxAttempts > 1, (error as? PoolError)?.code != .timedOut {
            ledger.failed(trial, previousFailures: previousFailures.count)
        }
        if isOwn(error) {
            ledger.end("failed as \(trial.kind) may")
        } else {
            explain(error, of: trial, isEnd: true)
        }
    }

    private func explain(_ error: any Error, of trial: Trial, isEnd: Bool) {
        guard let error = error as? PoolError else {
            return isEnd ? wrongEnd(trial, "\(error)") : violation(trial, "\(error)")
        }
        let suspect = Suspect(trial: trial, error: error, isEnd: isEnd)
        if let excuse = excuse(for: suspect, begins: nil) {
            note(excuse, of: suspect)
        } else {
            ledger.suspect(suspect)
        }
    }

    private func note(_ excuse: Excuse, of suspect: Suspect) {
        if suspect.isEnd {
            ledger.end("failed because \(excuse.rawValue)")
        } else {
            ledger.count("retried because \(excuse.rawValue)")
        }
    }

    private func wrongEnd(_ trial: Trial, _ what: String) {
        ledger.end("failed without reason")
        violation(trial, what)
    }

    private func violation(_ trial: Trial, _ what: String) {
        ledger.violation("\(trial.kind) \(trial.shortID): \(what)")
    }

    // MARK: At the end

    /// Judges what could not be explained before all was known.
    func close(_ entries: [BeginLog.Entry]) {
        let begins = Dictionary(grouping: entries, by: \.id)
        for suspect in ledger.suspects {
            let own = begins[suspect.trial.id] ?? []
            if let excuse = excuse(for: suspect, begins: own) {
                note(excuse, of: suspect)
            } else {
                if suspect.isEnd { ledger.end("failed without reason") }
                violation(suspect.trial, "\(suspect.error)\n\(history(of: suspect, own))")
            }
        }
        for (id, own) in begins where own.count > 1 { checkRepetitions(id, own) }
        for failed in ledger.failed { checkAttempts(failed, begins[failed.trial.id] ?? []) }
        checkSums()
    }

    /// An attempt is made again only if it was lost together with its fork server, which counts as no attempt.
    private func checkRepetitions(_ id: UInt64, _ begins: [BeginLog.Entry]) {
        let attempts = Dictionary(grouping: begins, by: \.attempt).values
        let isRight =
            id & Ledger.retryFlag != 0
            && attempts.allSatisfy { begins in
                zip(begins, begins.dropFirst()).allSatisfy { before, after in
                    before.keeper != after.keeper
                        && inflictions.of(before.keeper).contains { $0.isForkServer && $0.start <= after.time }
                }
            }
        if isRight { return }
        ledger.violation(
            "task \(id & ~Ledger.retryFlag) was begun \(begins.count) times:\n\(lines(begins, since: begins[0].time))"
        )
    }

    /// A task that may be run again does not fail before it has had all its attempts. Of the last one it may have been unable to tell.
    private func checkAttempts(_ failed: Ledger.Failed, _ begins: [BeginLog.Entry]) {
        let trial = failed.trial
        let attempts = max(Int(begins.map(\.attempt).max() ?? 0), failed.previousFailures + 1)
        guard attempts < trial.maxAttempts else { return }
        let history = lines(begins, since: trial.start)
        violation(trial, "given up after \(attempts) of \(trial.maxAttempts) attempts:\n\(history)")
    }

    private func checkSums() {
        if ledger.submitted != ledger.ended {
            ledger.violation("\(ledger.submitted) tasks were submitted, and \(ledger.ended) have ended")
        }
        let delayed = Excuse.allCases.filter(\.isDelay).reduce(0) {
            $0 + ledger.counts["failed because \($1.rawValue)", default: 0]
        }
        if delayed > Self.fewDelays, Double(delayed) > Self.mostDelayed * Double(ledger.submitted) {
            ledger.violation("\(delayed) of \(ledger.submitted) tasks were kept waiting beyond their deadlines")
        }
    }

    // MARK: Explanations

    private enum Excuse: String, CaseIterable {
        case killed = "its worker was killed"
        case squeezed = "its worker was refused memory"
        case stopped = "its worker was stopped or killed"
        case forkServer = "its fork server was killed or stopped"
        case waitedForWorker = "it was kept waiting by a worker"
        case waitedForForkServer = "it was kept waiting by a fork server"
        case begunLate = "it was begun late because others had to wait"

        /// Whether nobody can say for sure that it is the reason.
        var isDelay: Bool {
            switch self {
            case .killed, .squeezed, .stopped, .forkServer: false
            case .waitedForWorker, .waitedForForkServer, .begunLate: true
            }
        }
    }

    /// What follows a stopped process: other tasks have waited meanwhile.
    private static let aftermath: UInt64 = 4_000_000_000
    /// A fork server that stands still is given up after it has not answered for two seconds.
    private static let timeToLoss: UInt64 = 6_000_000_000
    /// By how much a busy machine may delay a task that runs.
    private static let tolerance = Duration.seconds(3)
    /// The share of all tasks that may miss their deadlines because others had to wait, if they are more than a few.
    private static let mostDelayed = 0.03
    private static let fewDelays = 50

    /// Why a task failed in that way through no fault of the pool's; `nil` if there is no reason.
    ///
    /// - Parameter begins: what is known of when it began; `nil` if that is not known yet.
    private func excuse(for suspect: Suspect, begins: [BeginLog.Entry]?) -> Excuse? {
        let error = suspect.error
        let deeds = Set(error.pid.map { inflictions.of($0).map(\.deed) } ?? [])
        switch error.code {
        case .workerCrashed:
            if error.signal == nil, error.exitCode == nil { return excuseForLoss(of: suspect, begins) }
            if deeds.contains(.killed), error.signal == SIGKILL { return .killed }
            return deeds.contains(.squeezed) ? .squeezed : nil
        case .memoryLimitExceeded:
            return deeds.contains(.squeezed) ? .squeezed : nil
        case .encodingFailed:
            let deeds = begins?.last.map { inflictions.of($0.pid).map(\.deed) } ?? []
            return deeds.contains(.squeezed) ? .squeezed : nil
        case .timedOut:
            return suspect.trial.isCalm ? nil : excuseForDelay(of: suspect, begins)
        default:
            return nil
        }
    }

    /// Of a task whose worker went with its fork server.
    private func excuseForLoss(of suspect: Suspect, _ begins: [BeginLog.Entry]?) -> Excuse? {
        guard let begins, !suspect.trial.isCalm else { return nil }
        let deeds =
            if let begin = begins.last(where: { $0.pid == suspect.error.pid }) {
                inflictions.of(begin.keeper)
            } else {
                // It was lost before it could say where it is.
                inflictions.between(suspect.trial.start, suspect.end, aftermath: Self.timeToLoss)
            }
        return deeds.contains { $0.isForkServer && $0.start <= suspect.end } ? .forkServer : nil
    }

    private func excuseForDelay(of suspect: Suspect, _ begins: [BeginLog.Entry]?) -> Excuse? {
        guard let begins else { return nil }
        let hindrances = inflictions.between(suspect.trial.start, suspect.end, aftermath: Self.aftermath)
            .filter(\.isDelay)
        let wait = hindrances.contains(where: \.isForkServer) ? Excuse.waitedForForkServer : .waitedForWorker
        // Where there is one, the last attempt may have ended, and the next one be awaited.
        guard let begin = begins.last, suspect.error.previousFailures.count < begin.attempt else {
            return hindrances.isEmpty ? nil : wait
        }
        let isFelt = { (infliction: Inflictions.Infliction) in infliction.isFelt(from: begin.time, to: suspect.end) }
        if inflictions.of(begin.pid).contains(where: isFelt) { return .stopped }
        // It tells how workers have ended, and until it has, or was given up, their tasks wait.
        if inflictions.of(begin.keeper).contains(where: isFelt) { return .forkServer }
        let ran = Duration.nanoseconds(Int64(suspect.end) - Int64(begin.time))
        return ran < suspect.trial.duration + Self.tolerance && !hindrances.isEmpty ? .begunLate : nil
    }

    private func history(of suspect: Suspect, _ begins: [BeginLog.Entry]) -> String {
        let start = suspect.trial.start
        let deadline = suspect.trial.deadline.map { "deadline \($0)" } ?? "no deadline"
        let phase = suspect.trial.isCalm ? ", while nothing was inflicted" : ""
        var text = "    \(deadline), ended after \(milliseconds(suspect.end, since: start)) ms\(phase)\n"
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
