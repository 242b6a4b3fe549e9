import Synchronization

/// A 64-bit word in memory that two processes share.
///
/// Invariant: the address is aligned to eight bytes and stays mapped as long as the word is used; whoever makes a word keeps its mapping.
struct SharedWord: @unchecked Sendable {
    private let word: UnsafeMutablePointer<Atomic<UInt64>>

    init(at address: UnsafeMutableRawPointer) {
        word = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// For a signal handler, which cannot use this.
    var address: UnsafeMutablePointer<UInt64> { UnsafeMutableRawPointer(word).assumingMemoryBound(to: UInt64.self) }

    /// What was written to other places before the value was published is seen after this.
    func load() -> UInt64 { word.pointee.load(ordering: .acquiring) }

    /// What was written to other places before this is seen by whoever loads the value.
    func publish(_ value: UInt64) { word.pointee.store(value, ordering: .releasing) }

    /// For words that carry nothing but themselves.
    func note(_ value: UInt64) { word.pointee.store(value, ordering: .relaxed) }

    func exchange(_ value: UInt64) -> UInt64 {
        word.pointee.exchange(value, ordering: .sequentiallyConsistent)
    }

    func increment() {
        word.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    func replace(_ expected: UInt64, with desired: UInt64) -> Bool {
        word.pointee.compareExchange(
            expected: expected,
            desired: desired,
            ordering: .sequentiallyConsistent
        ).exchanged
    }
}

/// Orders a store before a load of another word: each side of a sleep protocol says something, then looks at what the other has said.
func fullFence() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
}
