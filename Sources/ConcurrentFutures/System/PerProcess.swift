import Synchronization

/// An object of which each process has one: a forked process does not touch its parent's, a lock of which may be held by a thread that there is no more, and whose
/// descriptors may be others' by then, but gets another when it first asks.
final class PerProcess<Object: AnyObject & Sendable>: Sendable {
    private final class Entry {
        let object: Object
        let forkGeneration = CurrentProcess.forkGeneration

        init(_ object: Object) {
            self.object = object
        }
    }

    private let make: @Sendable () -> Object
    /// The address of an entry, which is never let go of; 0 at first.
    private let current = Atomic<UInt>(0)

    init(_ make: @escaping @Sendable () -> Object) {
        self.make = make
    }

    var object: Object {
        while true {
            let found = current.load(ordering: .acquiring)
            if let entry = UnsafeRawPointer(bitPattern: found) {
                let entry = Unmanaged<Entry>.fromOpaque(entry).takeUnretainedValue()
                if entry.forkGeneration == CurrentProcess.forkGeneration { return entry.object }
            }
            let made = Unmanaged.passRetained(Entry(make()))
            let address = UInt(bitPattern: made.toOpaque())
            if current.compareExchange(expected: found, desired: address, ordering: .acquiringAndReleasing).exchanged {
                continue
            }
            made.release()
        }
    }
}
