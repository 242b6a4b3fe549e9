import Synchronization

/// The tasks that have not ended, what became of those that have, and what should not have happened.
final class Ledger: Sendable {
    private struct Open {
        let trial: Trial
        var callbacks: Int
        var isAwaited = false
        let items: [UInt64]
        let describe: @Sendable () -> String
    }

    private struct Books {
        var nextID: UInt64 = 1
        var open: [UInt64: Open] = [:]
        /// Those of the maps in `open`.
        var items: Set<UInt64> = []
        var counts: [String: Int] = [:]
        var violations: [String] = []
        var suspects: [Suspect] = []
        var failed: [Failed] = []
        var submitted = 0
        var ended = 0
    }

    /// A task that was run again after failures and has failed in the end.
    struct Failed {
        let trial: Trial
        let previousFailures: Int
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
    ///   - items: the numbers of its items if it is a map, each of which is to end.
    ///   - hasCallback: whether ``called(back:)`` is to be called once for it.
    ///   - describe: says in which state it is.
    func open(
        _ trial: Trial,
        items: [UInt64] = [],
        hasCallback: Bool,
        describe: @escaping @Sendable () -> String
    ) {
        books.withLock {
            $0.open[trial.id] = Open(trial: trial, callbacks: hasCallback ? 0 : 1, items: items, describe: describe)
            $0.items.formUnion(items)
            $0.submitted += max(1, items.count)
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
        guard books.open[trial.id]!.isAwaited, books.open[trial.id]!.callbacks == 1 else { return }
        books.items.subtract(books.open.removeValue(forKey: trial.id)!.items)
    }

    /// Whether a task, or an item of a map, has not ended.
    func isOpen(_ id: UInt64) -> Bool { books.withLock { $0.open[id] != nil || $0.items.contains(id) } }

    var openCount: Int { books.withLock { $0.open.count } }

    /// Those that have not ended, and what says in which state each is.
    func openTasks() -> [(Trial, @Sendable () -> String)] {
        books.withLock { $0.open.values.map { ($0.trial, $0.describe) } }.sorted { $0.0.id < $1.0.id }
    }

    // MARK: What became of them

    func count(_ what: String, _ number: Int = 1) {
        books.withLock { $0.counts[what, default: 0] += number }
    }

    /// So many tasks have ended in this way.
    func end(_ what: String, _ number: Int = 1) {
        books.withLock {
            $0.counts[what, default: 0] += number
            $0.ended += number
        }
    }

    func failed(_ trial: Trial, previousFailures: Int) {
        books.withLock { $0.failed.append(Failed(trial: trial, previousFailures: previousFailures)) }
    }

    func suspect(_ suspect: Suspect) {
        books.withLock { $0.suspects.append(suspect) }
    }

    func violation(_ sentence: String) {
        books.withLock { $0.violations.append(sentence) }
    }

    var counts: [String: Int] { books.withLock { $0.counts } }
    var submitted: Int { books.withLock { $0.submitted } }
    var ended: Int { books.withLock { $0.ended } }
    var failed: [Failed] { books.withLock { $0.failed } }
    var suspects: [Suspect] { books.withLock { $0.suspects } }
    var violations: [String] { books.withLock { $0.violations } }
}
