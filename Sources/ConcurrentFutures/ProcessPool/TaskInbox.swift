import Synchronization

/// Tasks on their way into a pool: any thread puts one in without waiting for anybody, and whoever has the pool's lock takes them out.
///
/// A stack of R. K. Treiber's (1986), which is emptied as a whole, so that no place in it is ever used again while somebody looks at it.
final class TaskInbox: Sendable {
    /// The address of the task that was put in last, or 0; the inbox keeps a reference to each that is in it.
    private let newest = Atomic<UInt>(0)
    /// About how many have been put in since they were last taken out.
    private let count = Atomic<Int>(0)

    deinit {
        takeAll { $0.release() }
    }

    /// - Returns: about how many are in it now.
    func put(_ task: PoolTask) -> Int {
        let place = UInt(bitPattern: Unmanaged.passRetained(task).toOpaque())
        var head = newest.load(ordering: .relaxed)
        while true {
            task.next = Self.task(at: head)
            let (isDone, found) = newest.weakCompareExchange(
                expected: head,
                desired: place,
                // See ``PoolDriver/locked(_:)`` for what it is ordered with.
                ordering: .sequentiallyConsistent
            )
            if isDone { return count.wrappingAdd(1, ordering: .relaxed).newValue }
            head = found
        }
    }

    var isEmpty: Bool { newest.load(ordering: .sequentiallyConsistent) == 0 }

    private static func task(at address: UInt) -> Unmanaged<PoolTask>? {
        UnsafeRawPointer(bitPattern: address).map { Unmanaged.fromOpaque($0) }
    }

    /// Takes all out, the oldest first, and hands each over with the reference that was kept to it.
    func takeAll(_ body: (Unmanaged<PoolTask>) -> Void) {
        guard newest.load(ordering: .relaxed) != 0 else { return }
        count.store(0, ordering: .relaxed)
        var left = Self.task(at: newest.exchange(0, ordering: .acquiring))
        var oldest: Unmanaged<PoolTask>?
        while let task = left {
            left = task._withUnsafeGuaranteedRef { $0.next }
            task._withUnsafeGuaranteedRef { $0.next = oldest }
            oldest = task
        }
        while let task = oldest {
            task._withUnsafeGuaranteedRef {
                oldest = $0.next
                $0.next = nil
            }
            body(task)
        }
    }
}
