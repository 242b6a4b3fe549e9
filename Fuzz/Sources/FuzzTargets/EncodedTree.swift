@testable import ConcurrentFutures

/// An encoded value, taken apart: so that it can be changed in one place and be sound everywhere else.
indirect enum EncodedTree {
    /// A number, a flag, nil, a short string: its tag and what belongs to it.
    case plain([UInt8])
    case string([UInt8])
    case keyed([(key: [UInt8], value: EncodedTree)])
    /// The count is written as that many more than there are.
    case unkeyed([EncodedTree], surplus: Int)
    /// With so many bytes before the numbers, if it is a spaced one.
    case run(tag: UInt8, gap: Int?, [UInt8])

    /// - Returns: `nil` if it is not sound.
    init?(_ bytes: ArraySlice<UInt8>) {
        let tree: EncodedTree? = bytes.withUnsafeBytes { bytes in
            let reader = FormatReader(bytes)
            guard reader.end(of: 0, limit: bytes.count) == bytes.count else { return nil }
            return Self.parse(reader, at: 0, limit: bytes.count, depth: 0)
        }
        guard let tree else { return nil }
        self = tree
    }

    private static func parse(_ reader: FormatReader, at start: Int, limit: Int, depth: Int) -> EncodedTree? {
        guard depth < 200, let tag = reader.byte(at: start, limit: limit), let end = reader.end(of: start, limit: limit)
        else {
            return nil
        }
        switch tag {
        case Tag.string: return .string([UInt8](reader.slice(start + Word.size..<end)))
        case Tag.keyed:
            var fields: [(key: [UInt8], value: EncodedTree)] = []
            var next = start + Word.size
            while next < end {
                guard let field = reader.field(at: next, limit: end),
                    let value = parse(reader, at: field.value, limit: field.end, depth: depth + 1)
                else { return nil }
                fields.append(([UInt8](reader.slice(next..<field.value)), value))
                next = field.end
            }
            return .keyed(fields)
        case Tag.unkeyed:
            var elements: [EncodedTree] = []
            var next = start + unkeyedHeaderSize
            while next < end {
                guard let after = reader.end(of: next, limit: end),
                    let element = parse(reader, at: next, limit: after, depth: depth + 1)
                else { return nil }
                elements.append(element)
                next = after
            }
            let count = reader.load(Int.self, at: start + Word.size, limit: end)!
            return .unkeyed(elements, surplus: count &- elements.reduce(0) { $0 + $1.elementCount })
        case Tag.run, Tag.spacedRun:
            guard let run = reader.run(at: start, limit: end) else { return nil }
            let gap = tag == Tag.run ? nil : run.numbers.lowerBound - start - spacedRunHeaderSize
            return .run(tag: run.tag, gap: gap, [UInt8](reader.slice(run.numbers)))
        default:
            return .plain([UInt8](reader.slice(start..<end)))
        }
    }

    private var elementCount: Int {
        guard case .run(let tag, _, let bytes) = self else { return 1 }
        return Tag.numberWidth(tag).map { bytes.count / $0 } ?? 0
    }

    func write(to out: inout [UInt8]) {
        switch self {
        case .plain(let bytes):
            out += bytes
        case .string(let bytes):
            out += word(Tag.string, bytes.count)
            out += bytes
        case .keyed(let fields):
            let start = out.count
            out += word(Tag.keyed, 0)
            for field in fields {
                out += field.key
                field.value.write(to: &out)
            }
            out.replaceSubrange(start..<start + Word.size, with: word(Tag.keyed, out.count - start - Word.size))
        case .unkeyed(let elements, let surplus):
            let start = out.count
            out += word(Tag.unkeyed, 0)
            let count = elements.reduce(surplus) { $0 &+ $1.elementCount }
            out += withUnsafeBytes(of: count) { [UInt8]($0) }
            for element in elements { element.write(to: &out) }
            out.replaceSubrange(
                start..<start + Word.size,
                with: word(Tag.unkeyed, out.count - start - unkeyedHeaderSize)
            )
        case .run(let tag, nil, let bytes):
            out += word(Tag.run, bytes.count)
            out.append(tag)
            out += bytes
        case .run(let tag, let gap?, let bytes):
            out += word(Tag.spacedRun, gap + bytes.count)
            out.append(tag)
            out += withUnsafeBytes(of: UInt32(gap)) { [UInt8]($0) }
            out += [UInt8](repeating: 0, count: gap)
            out += bytes
        }
    }

    private func word(_ tag: UInt8, _ length: Int) -> [UInt8] {
        withUnsafeBytes(of: Word(tag, length: length).bits) { [UInt8]($0) }
    }

    // MARK: Changing

    /// How many values there are, this one and those within.
    var size: Int {
        switch self {
        case .plain, .string, .run: 1
        case .keyed(let fields): fields.reduce(1) { $0 + $1.value.size }
        case .unkeyed(let elements, _): elements.reduce(1) { $0 + $1.size }
        }
    }

    /// Replaces the value at a place, counted from this one inwards.
    func replacing(_ place: Int, _ change: (EncodedTree) -> EncodedTree) -> EncodedTree {
        if place == 0 { return change(self) }
        var rest = place - 1
        func visit(_ child: EncodedTree) -> EncodedTree {
            let size = child.size
            defer { rest -= size }
            return rest >= 0 && rest < size ? child.replacing(rest, change) : child
        }
        switch self {
        case .plain, .string, .run: return self
        case .keyed(let fields): return .keyed(fields.map { ($0.key, visit($0.value)) })
        case .unkeyed(let elements, let surplus): return .unkeyed(elements.map(visit), surplus: surplus)
        }
    }

    func value(at place: Int) -> EncodedTree {
        var found = self
        _ = replacing(place) { value in
            found = value
            return value
        }
        return found
    }

    /// Changes this value alone.
    func changed(_ mutator: inout Mutator, others: EncodedTree) -> EncodedTree {
        switch mutator.roll(1...10) {
        case 1:
            return others.value(at: mutator.roll(0...others.size - 1))
        case 2:
            let levels = mutator.roll(0...7) == 0 ? mutator.roll(1...1500) : mutator.roll(1...3)
            return (0..<levels).reduce(self) { inner, _ in .unkeyed([inner], surplus: 0) }
        case 3:
            return .plain([mutator.one(of: [Tag.null, Tag.empty, Tag.absent, Tag.true, Tag.false, Tag.shortString])])
        default: break
        }
        switch self {
        case .plain(let bytes):
            return .plain(Self.changed(plain: bytes, &mutator))
        case .string(let bytes):
            return .string(mutator.changeBytes(of: bytes))
        case .run(let tag, let gap, let bytes):
            let width = Tag.numberWidth(tag) ?? 1
            switch mutator.roll(1...5) {
            case 1: return .run(tag: mutator.byte(), gap: gap, bytes)
            case 2: return .run(tag: tag, gap: gap, bytes.dropLast(mutator.roll(0...min(bytes.count, 9))))
            case 3:
                let more = [UInt8](repeating: 0xFF, count: width * mutator.roll(0...100))
                return .run(tag: tag, gap: gap, bytes + more)
            case 4: return .run(tag: tag, gap: gap == nil ? mutator.roll(0...300) : nil, bytes)
            default: return .run(tag: tag, gap: gap, mutator.changeBytes(of: bytes))
            }
        case .unkeyed(var elements, let surplus):
            guard !elements.isEmpty else { return .unkeyed([others], surplus: surplus) }
            let place = mutator.roll(0...elements.count - 1)
            switch mutator.roll(1...5) {
            case 1: elements.remove(at: place)
            case 2: elements += [EncodedTree](repeating: elements[place], count: mutator.roll(1...30))
            case 3: elements.swapAt(place, mutator.roll(0...elements.count - 1))
            case 4: return .unkeyed(elements, surplus: Int(truncatingIfNeeded: mutator.number()))
            default: elements.insert(others.value(at: mutator.roll(0...others.size - 1)), at: place)
            }
            return .unkeyed(elements, surplus: surplus)
        case .keyed(var fields):
            guard !fields.isEmpty else { return .keyed([(key: [0], value: others)]) }
            let place = mutator.roll(0...fields.count - 1)
            switch mutator.roll(1...6) {
            case 1: fields.remove(at: place)
            case 2: for _ in 0..<mutator.roll(1...400) { fields.append(fields[place]) }
            case 3: fields.swapAt(place, mutator.roll(0...fields.count - 1))
            case 4: fields[place].key = Self.key(&mutator)
            case 5: fields[place].value = .plain([Tag.absent])
            default: fields.shuffle(using: &mutator.random)
            }
            return .keyed(fields)
        }
    }

    private static func changed(plain bytes: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        guard let tag = bytes.first, let width = Tag.numberWidth(tag) else {
            let text = "text".utf8.prefix(mutator.roll(0...4)) + [mutator.byte()]
            return [Tag.shortString + UInt8(text.count)] + text
        }
        let number = withUnsafeBytes(of: (mutator.number(), mutator.number())) { [UInt8]($0.prefix(width)) }
        guard mutator.roll(0...2) == 0 else { return [tag] + number }
        // The same number in another width.
        let other = mutator.one(of: [
            Tag.int8, Tag.int16, Tag.int32, Tag.int64, Tag.int128, Tag.uint8, Tag.uint64, Tag.float, Tag.double,
        ])
        return [other] + (number + [UInt8](repeating: 0, count: 16)).prefix(Tag.numberWidth(other)!)
    }

    private static func key(_ mutator: inout Mutator) -> [UInt8] {
        switch mutator.roll(1...4) {
        case 1: [KeyForm.wideIndex, mutator.byte(), mutator.byte()]
        case 2: [KeyForm.inline, 2] + [mutator.byte(), UInt8(ascii: "a")]
        case 3: [KeyForm.inline, KeyForm.longLength] + withUnsafeBytes(of: mutator.number()) { [UInt8]($0) }
        default: [UInt8(mutator.roll(0...20))]
        }
    }
}

/// A message: a value and the table of its keys.
struct EncodedMessage {
    var value: EncodedTree
    /// `nil` where there is no table, because the value contains no keys.
    var keys: [[UInt8]]?

    /// The message at the beginning of some bytes.
    ///
    /// - Returns: the message and how many bytes it takes; `nil` if it is not sound.
    static func first(in bytes: ArraySlice<UInt8>) -> (EncodedMessage, count: Int)? {
        bytes.withUnsafeBytes { buffer -> (EncodedMessage, count: Int)? in
            let reader = FormatReader(buffer)
            guard let tag = reader.byte(at: 0, limit: buffer.count) else { return nil }
            let start = bytes.startIndex
            if tag != Tag.message {
                guard let end = reader.end(of: 0, limit: buffer.count),
                    let value = EncodedTree(bytes[start..<start + end])
                else {
                    return nil
                }
                return (EncodedMessage(value: value, keys: nil), end)
            }
            guard let word = reader.word(Tag.message, at: 0, limit: buffer.count) else { return nil }
            let end = Word.size + word.length
            guard let value = EncodedTree(bytes[start + Word.size..<start + end]),
                let count = reader.load(UInt32.self, at: end, limit: buffer.count)
            else { return nil }
            var keys: [[UInt8]] = []
            var next = end + 4
            for _ in 0..<count {
                guard let length = reader.byte(at: next, limit: buffer.count), Int(length) < buffer.count - next else {
                    return nil
                }
                keys.append([UInt8](reader.slice(next + 1..<next + 1 + Int(length))))
                next += 1 + Int(length)
            }
            return (EncodedMessage(value: value, keys: keys), next)
        }
    }

    var bytes: [UInt8] {
        var value: [UInt8] = []
        self.value.write(to: &value)
        guard let keys else { return value }
        var bytes = withUnsafeBytes(of: Word(Tag.message, length: value.count).bits) { [UInt8]($0) } + value
        bytes += withUnsafeBytes(of: UInt32(keys.count)) { [UInt8]($0) }
        for key in keys { bytes += [UInt8(truncatingIfNeeded: key.count)] + key }
        return bytes
    }

    /// All messages that stand one behind the other; what is not sound is left out.
    static func all(in bytes: ArraySlice<UInt8>) -> [EncodedMessage] {
        var messages: [EncodedMessage] = []
        var rest = bytes
        while !rest.isEmpty, let (message, count) = first(in: rest) {
            messages.append(message)
            rest = rest.dropFirst(count)
        }
        return messages
    }

    /// Changes one thing in one of the messages.
    static func change(_ bytes: ArraySlice<UInt8>, _ mutator: inout Mutator) -> [UInt8] {
        var messages = all(in: bytes)
        guard !messages.isEmpty else { return mutator.changeBytes(of: Array(bytes)) }
        let place = mutator.roll(0...messages.count - 1)
        if mutator.roll(1...12) == 1, let keys = messages[place].keys {
            messages[place].keys = changed(keys: keys, &mutator)
        } else {
            let other = mutator.one(of: messages).value
            let value = messages[place].value
            messages[place].value = value.replacing(mutator.roll(0...value.size - 1)) {
                $0.changed(&mutator, others: other)
            }
        }
        return messages.flatMap(\.bytes)
    }

    private static func changed(keys: [[UInt8]], _ mutator: inout Mutator) -> [[UInt8]] {
        switch mutator.roll(1...4) {
        case 1: return Array(keys.dropLast(mutator.roll(0...keys.count)))
        case 2: return keys.shuffled(using: &mutator.random)
        case 3: return keys + [[UInt8]](repeating: keys.first ?? [], count: mutator.roll(1...2000))
        default: return keys.map { mutator.roll(1...3) == 1 ? mutator.changeBytes(of: $0) : $0 }
        }
    }
}
