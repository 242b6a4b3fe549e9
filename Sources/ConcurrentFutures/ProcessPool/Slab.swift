import CSystemShims

/// Values under numbers that are given out by the slab, found in constant time, and never mean another value later on.
struct Slab<Element> {
    private struct Entry {
        var element: Element?
        // Behind the element, where it may fill a gap.
        var generation: UInt32 = 0
    }

    private var entries: [Entry] = []
    private var free: [UInt32] = []
    /// How many values there are.
    private(set) var count = 0

    mutating func insert(_ element: Element) -> UInt64 {
        insert { _ in element }
    }

    /// - Parameter make: makes the value that is to have the number.
    @inline(__always)
    mutating func insert(_ make: (UInt64) -> Element) -> UInt64 {
        count += 1
        if let index = free.popLast() {
            if let next = free.last { prefetch(UInt64(next)) }
            let key = Self.key(index, entries[Int(index)].generation)
            entries[Int(index)].element = make(key)
            return key
        }
        let key = Self.key(UInt32(entries.count), 0)
        entries.append(Entry(element: make(key)))
        return key
    }

    subscript(key: UInt64) -> Element? {
        @inline(__always) _read {
            let index = Int(UInt32(truncatingIfNeeded: key))
            if index < entries.count, entries[index].generation == UInt32(key >> 32) {
                yield entries[index].element
            } else {
                yield nil
            }
        }
        _modify {
            let index = Int(UInt32(truncatingIfNeeded: key))
            precondition(
                index < entries.count && entries[index].generation == UInt32(key >> 32)
                    && entries[index].element != nil,
                "only a value that is there can be changed"
            )
            yield &entries[index].element
        }
    }

    /// Has a value fetched that will soon be asked for: where very many wait, each is far from where the processor has looked last.
    func prefetch(_ key: UInt64) {
        let index = Int(UInt32(truncatingIfNeeded: key))
        guard index < entries.count else { return }
        entries.withUnsafeBufferPointer { cf_prefetch($0.baseAddress! + index) }
    }

    @discardableResult
    mutating func remove(_ key: UInt64) -> Element? {
        let index = Int(UInt32(truncatingIfNeeded: key))
        guard index < entries.count, entries[index].generation == UInt32(key >> 32),
            let element = entries[index].element
        else { return nil }
        entries[index].element = nil
        entries[index].generation &+= 1
        free.append(UInt32(index))
        count -= 1
        return element
    }

    /// All values and their numbers, in no order.
    var elements: some Sequence<(key: UInt64, element: Element)> {
        entries.indices.lazy.compactMap { index in
            entries[index].element.map { (Self.key(UInt32(index), entries[index].generation), $0) }
        }
    }

    /// Calls the body with each value, in no order: what ``elements`` does, without an iterator, which costs some copies.
    @inline(__always)
    func forEach(_ body: (Element) -> Void) {
        for index in entries.indices {
            if let element = entries[index].element { body(element) }
        }
    }

    private static func key(_ index: UInt32, _ generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(index)
    }
}
