import Synchronization

/// The tasks that have not ended, what became of those that have, and what should not have happened.
final class Ledger: Sendable {
    private struct Open {
        let trial: Trial
        var callbacks: Int
        var isAwaited = false
        let describe: @Sendable () -> String
    }

    private struct Books {
        var nextID: UInt64 = 1
        var open: [UInt64: Open] = [:]
        var counts: [String: Int] = [:]
        var violations: [String] = []
        var suspects: [Suspect] = []
    }

    private let books = Mutex(Books())

    /// A number for a task that may be run again after a failure says so.
    static let retryFlag: UInt64 = 1 << 63

    func newID(hasRetry: Bool = false) -> UInt64 {
        books.withLock { books in
            defer { books.nextID += 1 }
            return books.nextID | (hasRetry ? Self.retryFlag : 0)
        }
    }

    // MARK: Tasks in flight

    /// - Parameters:
    ///   - hasCallback: whether ``called(back:)`` is to be called once for it.
    ///   - describe: says in which state it is.
    func open(_ trial: Trial, hasCallback: Bool, describe: @escaping @Sendable () -> String) {
        books.withLock {
            $0.open[trial.id] = Open(trial: trial, callbacks: hasCallback ? 0 : 1, describe: describe)
            $0.counts["submitted", default: 0] += 1
        }
    }

    /// The completion callback of a task has been called.
    func called(back trial: Trial) {
        books.withLock { books in
            guard books.open[trial.id]?.callbacks == 0 else {
                return books.violations.append("\(trial.kind) \(trial.id): ended twice")
            }
            books.open[trial.id]!.callbacks = 1
            Self.closeIfDone(trial, &books)
        }
    }

    /// Whoever awaited a task has its outcome.
    func awaited(_ trial: Trial) {
        books.withLock { books in
            books.open[trial.id]!.isAwaited = true
            Self.closeIfDone(trial, &books)
        }
    }

    private static func closeIfDone(_ trial: Trial, _ books: inout Books) {
        if books.open[trial.id]!.isAwaited, books.open[trial.id]!.callbacks == 1 { books.open[trial.id] = nil }
    }

    var openCount: Int { books.withLock { $0.open.count } }

    /// Those that have not ended, and what says in which state each is.
    func openTasks() -> [(Trial, @Sendable () -> String)] {
        books.withLock { $0.open.values.map { ($0.trial, $0.describe) } }.sorted { $0.0.id < $1.0.id }
    }

    // MARK: What became of them

    func count(_ what: String, _ number: Int = 1) {
        books.withLock { $0.counts[what, default: 0] += number }
    }

    func suspect(_ suspect: Suspect) {
        books.withLock { $0.suspects.append(suspect) }
    }

    func violation(_ sentence: String) {
        books.withLock { $0.violations.append(sentence) }
    }

    var counts: [String: Int] { books.withLock { $0.counts } }
    var suspects: [Suspect] { books.withLock { $0.suspects } }
    var violations: [String] { books.withLock { $0.violations } }
}
