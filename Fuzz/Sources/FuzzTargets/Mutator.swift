@testable import ConcurrentFutures

/// Changes inputs.
package struct Mutator {
    package var random: SeededGenerator
    /// What parts are taken from.
    let pool: [[UInt8]]

    /// Nothing grows beyond this: what long inputs show, shorter ones show sooner.
    static let longest = 32 * 1024

    package init(seed: UInt64, pool: [[UInt8]]) {
        random = SeededGenerator(seed: seed)
        self.pool = pool
    }

    /// One input more.
    package mutating func input(for target: any FuzzTarget) -> [UInt8] {
        var input = pool.randomElement(using: &random)!
        for _ in 0..<roll(1...3) {
            switch roll(1...4) {
            case 1...2: input = target.restructure(input, &self)
            default: input = changeBytes(of: input)
            }
        }
        if input.count > Self.longest { input.removeLast(input.count - Self.longest) }
        return input
    }

    package mutating func roll(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &random) }

    mutating func one<Element>(of choices: [Element]) -> Element { choices.randomElement(using: &random)! }

    /// Changes bytes whatever they mean.
    mutating func changeBytes(of input: [UInt8]) -> [UInt8] {
        var bytes = input
        switch roll(1...12) {
        case 1:
            return (0..<roll(0...80)).map { _ in UInt8.random(in: 0...255, using: &random) }
        case 2:
            bytes.removeLast(roll(0...bytes.count))
        case 3:
            let other = one(of: pool)
            bytes = bytes.prefix(roll(0...bytes.count)) + other.suffix(roll(0...other.count))
        case 4 where !bytes.isEmpty:
            let start = roll(0...bytes.count - 1)
            let part = bytes[start..<roll(start...min(bytes.count, start + 64))]
            for _ in 0..<roll(1...4) { bytes.insert(contentsOf: part, at: roll(0...bytes.count)) }
        case 5 where !bytes.isEmpty:
            let start = roll(0...bytes.count - 1)
            bytes.removeSubrange(start..<roll(start...min(bytes.count, start + 16)))
        case 6 where bytes.count >= 8:
            overwrite(&bytes, at: roll(0...bytes.count - 8), with: number())
        case 7 where bytes.count >= 4:
            overwrite(&bytes, at: roll(0...bytes.count - 4), with: UInt32(truncatingIfNeeded: number()))
        case 8 where !bytes.isEmpty:
            bytes[roll(0...bytes.count - 1)] ^= 1 << UInt8(roll(0...7))
        default:
            for _ in 0..<roll(1...4) where !bytes.isEmpty { bytes[roll(0...bytes.count - 1)] = byte() }
        }
        return bytes
    }

    private static let tags: [UInt8] = [
        Tag.absent, Tag.null, Tag.empty, Tag.true, Tag.int8, Tag.int64, Tag.uint8, Tag.int128, Tag.double, Tag.string,
        Tag.keyed,
        Tag.unkeyed, Tag.run, Tag.spacedRun, Tag.message, Tag.shortString, KeyForm.wideIndex, KeyForm.inline,
    ]

    mutating func byte() -> UInt8 {
        Bool.random(using: &random) ? one(of: Self.tags) : .random(in: 0...255, using: &random)
    }

    /// A number at which something could go wrong.
    mutating func number() -> UInt64 {
        let near = UInt64(bitPattern: Int64(roll(-9...9)))
        switch roll(1...6) {
        case 1: return near
        case 2: return (1 << UInt64(roll(0...63))) &+ near
        case 3: return UInt64(roll(0...300))
        case 4: return UInt64(roll(0...70_000)) &* 8
        case 5: return UInt64(bitPattern: -8) &* UInt64(roll(1...100))
        default: return .random(in: 0...UInt64.max, using: &random)
        }
    }

    func overwrite(_ bytes: inout [UInt8], at place: Int, with number: some FixedWidthInteger) {
        withUnsafeBytes(of: number) { bytes.replaceSubrange(place..<place + $0.count, with: $0) }
    }

    /// Changes a list of parts, each of which stands for itself.
    mutating func changeList(of parts: inout [[UInt8]], change: ([UInt8], inout Mutator) -> [UInt8]) {
        guard !parts.isEmpty else { return }
        let place = roll(0...parts.count - 1)
        switch roll(1...6) {
        case 1: parts.remove(at: place)
        case 2: for _ in 0..<roll(1...20) { parts.insert(parts[place], at: roll(0...parts.count)) }
        case 3: parts.swapAt(place, roll(0...parts.count - 1))
        default: parts[place] = change(parts[place], &self)
        }
    }
}
