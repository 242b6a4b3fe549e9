import HeapModule

/// The moments at which something is to happen to a task, the next one first.
///
/// A moment is not taken out when its task ends: who takes it out finds that it no longer means anything. That keeps the ending of a task free
/// of a search; every now and then all that means nothing is thrown away at once.
struct TaskTimers {
    struct Timer: Comparable {
        let time: UInt64
        let task: TaskID

        static func < (left: Timer, right: Timer) -> Bool { left.time < right.time }
    }

    private var heap = Heap<Timer>()
    private var compactAt = 256

    /// When the next one is due, on the state machine's clock; it may be one that means nothing.
    var next: UInt64? { heap.min?.time }

    mutating func add(_ timer: Timer) {
        heap.insert(timer)
    }

    /// Whether there may be many that mean nothing, so that ``compact(_:)`` is worth its cost.
    var areMany: Bool { heap.count >= compactAt }

    mutating func compact(_ isMeant: (Timer) -> Bool) {
        heap = Heap(heap.unordered.filter(isMeant))
        compactAt = max(256, 2 * heap.count)
    }

    mutating func popDue(at now: UInt64) -> Timer? {
        guard let first = heap.min, first.time <= now else { return nil }
        return heap.popMin()
    }
}
