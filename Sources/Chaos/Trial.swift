import Synchronization

/// What one task is to do and what was done with it.
final class Trial: Sendable {
    let id: UInt64
    let kind: Kind
    /// How long it takes if nothing hinders it.
    let duration: Duration
    let deadline: Duration?
    /// How often it is run at most.
    let maxAttempts: Int
    /// Whether nothing was inflicted on any process while it was there, so that nothing excuses a delay.
    let isCalm: Bool
    let start: UInt64
    private let cancellation = Atomic<UInt8>(0)

    init(
        id: UInt64,
        kind: Kind,
        duration: Duration = .zero,
        deadline: Duration?,
        maxAttempts: Int = 1,
        isCalm: Bool,
        start: UInt64 = monotonicTime()
    ) {
        self.id = id
        self.kind = kind
        self.duration = duration
        self.deadline = deadline
        self.maxAttempts = maxAttempts
        self.isCalm = isCalm
        self.start = start
    }

    /// Without what it says of retries.
    var shortID: UInt64 { id & ~Ledger.retryFlag }

    enum Cancellation: UInt8 {
        case none
        /// Somebody is about to cancel it, or has, and does not know yet what comes of it.
        case tried
        /// The outcome has been promised to be a cancellation.
        case promised
    }

    var cancelled: Cancellation {
        get { Cancellation(rawValue: cancellation.load(ordering: .sequentiallyConsistent))! }
        set { cancellation.store(newValue.rawValue, ordering: .sequentiallyConsistent) }
    }
}
