@testable import ConcurrentFutures

/// The outcomes of a batch's items that came in one frame: a byte that says of which type of function, then as the worker wrote them.
struct ItemsTarget: FuzzTarget {
    let name = "items"
    let mostBytesPerByte = 3 * MemoryLayout<Record?>.stride

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        guard let first = input.first, let items = try? ItemOutcomes(.bytes([UInt8](input.dropFirst()))) else {
            return false
        }
        let kind = outcomeKinds[Int(first) % outcomeKinds.count]
        let progress = BatchProgress()
        progress.append(items)
        precondition(Int(progress.itemsDone) == items.count)
        let isSound = kind.readBatch(progress.payload(nanoseconds: 1000))
        // So they stay where others of the batch are in files.
        precondition(kind.readBatch(.batch([.several(items.payload)], nanoseconds: 1000)) == isSound)
        return isSound
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard let first = input.first else { return mutator.changeBytes(of: input) }
        var outcomes = ReplyRing.outcomes(in: input.dropFirst())
        mutator.changeList(of: &outcomes) { OutcomeTarget.change(outcome: $0, &$1) }
        let kind = mutator.roll(1...8) == 1 ? UInt8(mutator.roll(0...outcomeKinds.count - 1)) : first
        return [kind] + ReplyRing.items(outcomes)
    }

    var seeds: [[UInt8]] {
        outcomeKinds.enumerated().flatMap { index, kind in
            [Array(kind.samples.prefix(1)), kind.samples].map { [UInt8(index)] + ReplyRing.items($0) }
        }
    }
}
