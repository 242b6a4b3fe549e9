@testable import ConcurrentFutures

/// The outcomes of a batch: a byte that says of which type of function, then as the host puts them together.
struct BatchTarget: FuzzTarget {
    let name = "batch"
    let mostBytesPerByte = 3 * MemoryLayout<Record?>.stride

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        guard let first = input.first else { return false }
        return outcomeKinds[Int(first) % outcomeKinds.count].readBatch(.bytes([UInt8](input.dropFirst())))
    }

    private static let headerSize = 13

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard input.count > Self.headerSize else { return mutator.changeBytes(of: input) }
        var items = ReplyRing.outcomes(in: input[Self.headerSize...])
        mutator.changeList(of: &items) { OutcomeTarget.change(outcome: $0, &$1) }
        var count = UInt32(items.count)
        if mutator.roll(1...8) == 1 { count = UInt32(truncatingIfNeeded: mutator.number()) }
        return Self.batch(of: items, count: count, kind: input[0])
    }

    private static func batch(of items: [[UInt8]], count: UInt32, kind: UInt8) -> [UInt8] {
        let progress = BatchProgress()
        for item in items { progress.append(.bytes(item)) }
        var bytes = [kind]
        progress.payload(nanoseconds: 1000).withUnsafeBytes { bytes += $0 }
        bytes.replaceSubrange(1..<5, with: withUnsafeBytes(of: count) { [UInt8]($0) })
        return bytes
    }

    var seeds: [[UInt8]] {
        outcomeKinds.enumerated().flatMap { index, kind in
            [[], Array(kind.samples.prefix(1)), kind.samples].map { items in
                Self.batch(of: items, count: UInt32(items.count), kind: UInt8(index))
            }
        }
    }
}
