import ConcurrentFutures
import Glibc
import PoolSimulation

/// Submits random tasks and follows each to its end.
struct Load: Sendable {
    let pool: ProcessPoolExecutor
    let ledger: Ledger
    let judge: Judge
    let log: BeginLog
    /// Whether nothing is inflicted on any process meanwhile.
    var isCalm = false
    /// What echoes are cut out of.
    let bytes: [UInt8]

    /// How many submit at the same time, each up to `burst` tasks.
    static let clients = 40
    static let burst = 5

    init(_ pool: ProcessPoolExecutor, _ judge: Judge, _ log: BeginLog, generator: SeededGenerator) {
        self.pool = pool
        self.judge = judge
        self.log = log
        ledger = judge.ledger
        var generator = generator
        bytes = (0..<1 << 19).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
    }

    /// Returns when all tasks have ended that were submitted before the time had come.
    func run(until end: UInt64, generator: SeededGenerator) async {
        var generator = generator
        await withDiscardingTaskGroup { group in
            for _ in 0..<Self.clients {
                let seed = generator.next()
                group.addTask {
                    var generator = SeededGenerator(seed: seed)
                    while monotonicTime() < end { await burst(using: &generator) }
                }
            }
        }
    }

    private func burst(using generator: inout SeededGenerator) async {
        if Bool.random(using: &generator) {
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0...30, using: &generator)))
        }
        await withDiscardingTaskGroup { group in
            for _ in 0..<Int.random(in: 1...Self.burst, using: &generator) {
                let seed = generator.next()
                group.addTask {
                    var generator = SeededGenerator(seed: seed)
                    let kind = Kind.random(using: &generator)
                    if !isCalm || !kind.isTorment { await task(kind, using: &generator) }
                }
            }
        }
    }

    // MARK: Tasks

    /// Long enough for a machine that is busy, and short enough to see the end of those behind a worker that stands still. Half of the tasks
    /// have none: where they are lost, nothing hides it.
    private func deadline(using generator: inout SeededGenerator) -> Duration? {
        guard Bool.random(using: &generator) else { return nil }
        return isCalm ? .seconds(20) : .milliseconds(Int.random(in: 7000...11_000, using: &generator))
    }

    private func task(_ kind: Kind, using generator: inout SeededGenerator) async {
        switch kind {
        case .quick: await quick(using: &generator)
        case .echo: await echo(using: &generator)
        case .nap, .listen: await nap(kind, using: &generator)
        case .refuse, .crash, .spin, .hog: await failure(kind, using: &generator)
        case .persist: await persist(using: &generator)
        case .mapItem: await map(using: &generator)
        case .run: await run(using: &generator)
        case .tight: await tight(using: &generator)
        case .offspring, .squeeze: await burden(kind, using: &generator)
        }
    }

    private func quick(using generator: inout SeededGenerator) async {
        let trial = trial(.quick, using: &generator)
        let number = generator.next()
        let future = pool.submit(Work.square, note(trial), number, deadline: trial.deadline)
        await follow(future, trial, cancelling: cancelTime(using: &generator)) { $0 == number &* number }
    }

    private func echo(using generator: inout SeededGenerator) async {
        let trial = trial(.echo, using: &generator)
        // As many small ones as big ones, whatever that means.
        let size = min(2_000_000, 1 << Int.random(in: 0...21, using: &generator))
        let start = Int.random(in: 0...bytes.count - size, using: &generator)
        let payload = Array(bytes[start..<start + size])
        let future = pool.submit(Work.echo, note(trial), payload, deadline: trial.deadline)
        await follow(future, trial, cancelling: cancelTime(using: &generator)) { $0 == payload }
    }

    private func nap(_ kind: Kind, using generator: inout SeededGenerator) async {
        let duration = UInt32.random(in: 0...40, using: &generator)
        let trial = trial(kind, duration: .milliseconds(duration), using: &generator)
        // Some are watched by two limits.
        let timeout: Duration? = Bool.random(using: &generator) ? .seconds(4) : nil
        let cancelTime = cancelTime(using: &generator)
        if kind == .nap {
            let future = pool.submit(Work.nap, note(trial), duration, timeout: timeout, deadline: trial.deadline)
            await follow(future, trial, cancelling: cancelTime) { $0 == trial.id }
        } else {
            let future = pool.submit(Work.listen, note(trial), duration, timeout: timeout, deadline: trial.deadline)
            await follow(future, trial, cancelling: cancelTime) { $0 == trial.id }
        }
    }

    /// Those that never have a value.
    private func failure(_ kind: Kind, using generator: inout SeededGenerator) async {
        let trial = trial(kind, using: &generator)
        let note = note(trial)
        let cancelTime = cancelTime(using: &generator)
        let crash = Crash.allCases.randomElement(using: &generator)!
        let future =
            switch kind {
            case .refuse: pool.submit(Work.refuse, note, deadline: trial.deadline)
            case .crash: pool.submit(Work.crash, note, crash, deadline: trial.deadline)
            case .hog: pool.submit(Work.hog, note, deadline: trial.deadline)
            default:
                pool.submit(
                    Work.spin,
                    note,
                    timeout: .milliseconds(Int.random(in: 20...300, using: &generator)),
                    deadline: trial.deadline
                )
            }
        await follow(future, trial, cancelling: cancelTime, isRight: { _ in false }) { error in
            switch kind {
            case .refuse: error as? Refusal == Refusal(number: trial.id)
            case .crash: (error as? PoolError)?.tells(of: crash, trial.id) == true
            case .hog: (error as? PoolError)?.code == .memoryLimitExceeded
            default: (error as? PoolError)?.code == .timedOut
            }
        }
    }

    private func persist(using generator: inout SeededGenerator) async {
        let maxAttempts = Int.random(in: 3...6, using: &generator)
        let trial = trial(.persist, maxAttempts: maxAttempts, using: &generator)
        let firstGood = Int.random(in: 1...4, using: &generator)
        let crash = Crash.allCases.randomElement(using: &generator).flatMap {
            Bool.random(using: &generator) ? $0 : nil
        }
        let policy = RetryPolicy(
            maxAttempts: maxAttempts,
            backoff: .constant(.milliseconds(Int.random(in: 0...20, using: &generator))),
            orIf: { $0 is Refusal }
        )
        let future = pool.submit(Work.persist, note(trial), firstGood, crash, deadline: trial.deadline, retry: policy)
        await follow(future, trial, cancelling: cancelTime(using: &generator)) { attempt in
            ledger.count("retried", attempt - 1)
            return attempt >= firstGood && attempt <= maxAttempts
        } isOwn: { error in
            if error as? Refusal == Refusal(number: trial.id) { return true }
            guard let crash, let error = error as? PoolError else { return false }
            return error.tells(of: crash, trial.id)
        }
    }

    /// Cancelled through the Swift task around it, if it is.
    private func run(using generator: inout SeededGenerator) async {
        let duration = UInt32.random(in: 0...40, using: &generator)
        let trial = trial(.run, duration: .milliseconds(duration), using: &generator)
        let task = Task { [note = note(trial)] in
            try await pool.run(Work.listen, note, duration, deadline: trial.deadline)
        }
        ledger.open(trial, hasCallback: false) { "awaited by run" }
        if Bool.random(using: &generator) {
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0...60, using: &generator)))
            trial.cancelled = .tried
            task.cancel()
        }
        let outcome = await task.result
        ledger.awaited(trial)
        judge.judge(outcome, of: trial) { $0 == trial.id }
    }

    /// With a deadline that may pass before it begins, while it runs, or not at all.
    private func tight(using generator: inout SeededGenerator) async {
        let duration = UInt32.random(in: 0...20, using: &generator)
        let trial = Trial(
            id: ledger.newID(),
            kind: .tight,
            duration: .milliseconds(duration),
            deadline: .milliseconds(Int.random(in: 0...60, using: &generator)),
            isCalm: isCalm
        )
        let future = pool.submit(Work.nap, note(trial), duration, deadline: trial.deadline)
        await follow(future, trial, cancelling: nil) {
            $0 == trial.id
        } isOwn: {
            ($0 as? PoolError)?.code == .timedOut
        }
    }

    /// Those that leave a worker with something to bear.
    private func burden(_ kind: Kind, using generator: inout SeededGenerator) async {
        let trial = trial(kind, using: &generator)
        if kind == .offspring {
            let future = pool.submit(Work.leaveOffspring, note(trial), deadline: trial.deadline)
            return await follow(future, trial, cancelling: nil) { $0 == trial.id }
        }
        let future = pool.submit(Work.squeeze, note(trial), deadline: trial.deadline)
        await follow(future, trial, cancelling: nil) { pid in
            judge.inflictions.add(pid, .squeezed)
            return true
        } isOwn: { error in
            guard let error = error as? PoolError, let pid = error.pid else { return false }
            judge.inflictions.add(pid, .squeezed)
            return error.code == .workerCrashed || error.code == .memoryLimitExceeded
        }
    }

    private func map(using generator: inout SeededGenerator) async {
        let whole = trial(.mapItem, using: &generator)
        let items = (0..<Int.random(in: 1...60, using: &generator)).map { _ in
            let fate: Item.Fate =
                switch Int.random(in: 0..<40, using: &generator) {
                case 0: .crash
                case 1...2: .refusal
                default: .value
                }
            return Item(note: Note(id: ledger.newID(), log: log.path), fate: fate)
        }
        let chunkSize = Int.random(in: 1...20, using: &generator)
        ledger.open(whole, items: items.map(\.note.id), hasCallback: false) { "awaited by map" }
        let outcomes = await pool.map(items, chunkSize: chunkSize, deadline: whole.deadline, Work.handle).results
            .collect()
        ledger.awaited(whole)
        for (item, outcome) in zip(items, outcomes) {
            let trial = Trial(
                id: item.note.id,
                kind: .mapItem,
                deadline: whole.deadline,
                isCalm: isCalm,
                start: whole.start
            )
            judge.judge(outcome, of: trial) {
                item.fate == .value && $0 == trial.id
            } isOwn: { error in
                switch item.fate {
                case .value: false
                case .refusal: error as? Refusal == Refusal(number: trial.id)
                case .crash: (error as? PoolError)?.tells(of: .exit, trial.id) == true
                }
            }
        }
        guard outcomes.count != items.count else { return }
        ledger.end("failed with the item before in a map", items.count - outcomes.count)
        guard outcomes.count > items.count || (outcomes.last?.error as? PoolError)?.code != .timedOut else { return }
        ledger.violation("mapItem \(whole.shortID): \(outcomes.count) outcomes of \(items.count) items")
    }

    // MARK: Parts

    private func trial(
        _ kind: Kind,
        maxAttempts: Int = 1,
        duration: Duration = .zero,
        using generator: inout SeededGenerator
    ) -> Trial {
        Trial(
            id: ledger.newID(hasRetry: maxAttempts > 1),
            kind: kind,
            duration: duration,
            deadline: deadline(using: &generator),
            maxAttempts: maxAttempts,
            isCalm: isCalm
        )
    }

    private func note(_ trial: Trial) -> Note { Note(id: trial.id, log: log.path) }

    /// One in ten is cancelled.
    private func cancelTime(using generator: inout SeededGenerator) -> Duration? {
        let time = Duration.milliseconds(Int.random(in: 0...40, using: &generator))
        return Int.random(in: 0..<10, using: &generator) == 0 ? time : nil
    }

    private func follow<Value: Sendable>(
        _ future: Future<Value>,
        _ trial: Trial,
        cancelling cancelTime: Duration?,
        isRight: (Value) -> Bool,
        isOwn: (any Error) -> Bool = { _ in false }
    ) async {
        ledger.open(trial, hasCallback: true) { future.description }
        future.onCompletion { [ledger] _ in ledger.called(back: trial) }
        if let cancelTime {
            try? await Task.sleep(for: cancelTime)
            trial.cancelled = .tried
            if future.cancel() { trial.cancelled = .promised }
        }
        let outcome = await future.result
        ledger.awaited(trial)
        judge.judge(outcome, of: trial, isRight: isRight, isOwn: isOwn)
    }
}

extension PoolError {
    /// Whether this is how a task fails that crashes in that way.
    fileprivate func tells(of crash: Crash, _ id: UInt64) -> Bool {
        guard code == .workerCrashed else { return false }
        return switch crash {
        case .trap: [SIGILL, SIGTRAP].contains(signal) && standardError?.contains(Work.lastWords(id)) == true
        case .exit: exitCode == Crash.exitCode
        case .segmentationFault: signal == SIGSEGV
        }
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
