import HeapModule

/// Something to do at some time, unless it is cancelled before. It is used once.
///
/// It may be cancelled before it is given to a ``ServiceThread``, which then ignores it: so whoever owns it need not wait for whoever sets it.
final class ServiceTimer: Sendable {
    fileprivate enum Phase {
        case unset
        case set(@Sendable () -> Void)
        case over
    }

    // Read and written with the lock of the service thread that it is for.
    @exclusivity(unchecked) fileprivate nonisolated(unsafe) var phase = Phase.unset
}

/// Timers in the order of their times; no clock and no lock.
struct TimerQueue {
    private struct Entry: Comparable {
        let instant: UInt64
        /// Of two with the same time the one that was set first comes first.
        let number: UInt64
        let timer: ServiceTimer

        var isSet: Bool { if case .set = timer.phase { true } else { false } }

        static func < (left: Entry, right: Entry) -> Bool {
            (left.instant, left.number) < (right.instant, right.number)
        }

        static func == (left: Entry, right: Entry) -> Bool {
            left.number == right.number
        }
    }

    /// The cancelled ones among them are taken out when they are many: nearly every timer is cancelled, and long before its time.
    private var entries = Heap<Entry>()
    private var lastNumber: UInt64 = 0
    /// How many are set.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// How many take up room; tests see by it that the cancelled ones go.
    var entryCount: Int { entries.count }

    /// When the first of them is due.
    var firstInstant: UInt64? {
        mutating get {
            while let first = entries.min, !first.isSet { entries.removeMin() }
            return entries.min?.instant
        }
    }

    /// Sets a timer that was not cancelled.
    mutating func set(_ timer: ServiceTimer, at instant: UInt64, _ action: @escaping @Sendable () -> Void) {
        guard case .unset = timer.phase else { return }
        timer.phase = .set(action)
        lastNumber += 1
        count += 1
        entries.insert(Entry(instant: instant, number: lastNumber, timer: timer))
    }

    /// Takes a timer out, or sees to it that it is never set.
    ///
    /// - Returns: What it held, to be released without a lock.
    mutating func cancel(_ timer: ServiceTimer) -> (@Sendable () -> Void)? {
        defer { timer.phase = .over }
        guard case .set(let action) = timer.phase else { return nil }
        timer.phase = .over
        count -= 1
        if entries.count > 2 * count + 64 { entries = Heap(entries.unordered.filter(\.isSet)) }
        return action
    }

    /// Takes all out; what they held is the caller's to release.
    mutating func cancelAll() -> [@Sendable () -> Void] {
        defer { (entries, count) = (Heap(), 0) }
        return entries.unordered.compactMap { entry in
            defer { entry.timer.phase = .over }
            return if case .set(let action) = entry.timer.phase { action } else { nil }
        }
    }

    /// Takes out the first that is due.
    mutating func popDue(at now: UInt64) -> (@Sendable () -> Void)? {
        guard let instant = firstInstant, instant <= now, let timer = entries.popMin()?.timer else { return nil }
        guard case .set(let action) = timer.phase else { preconditionFailure("a timer that is over was kept as first") }
        timer.phase = .over
        count -= 1
        return action
    }
}
