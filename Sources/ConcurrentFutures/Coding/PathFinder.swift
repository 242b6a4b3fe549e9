/// Finds the keys and indices that lead to a value, from the bytes.
///
/// A type that tries what a value might be (`try?`) has an error made for each of its values, and each error tells where it happened. So the search
/// goes on where the last one ended: otherwise it would go through all elements before this one each time.
struct PathFinder {
    /// A container on the way to the latest value.
    private struct Level {
        let container: Int
        /// Where the field or element begins that leads on.
        var place: Int
        /// How many elements stand before it.
        var index = 0
    }

    private var levels: [Level] = []

    /// Starts with another message.
    mutating func removeAll() {
        levels.removeAll(keepingCapacity: true)
    }

    /// - Parameters:
    ///   - root: the value at which the path begins.
    ///   - inner: where the value is at which it ends.
    ///   - name: what a field is called; `nil` if that makes no sense.
    mutating func path(
        in reader: FormatReader,
        from root: ValuePlace,
        to inner: Int,
        name: (FormatReader.Field.Key) -> PathKey?
    ) -> [PathKey] {
        var path: [PathKey] = []
        var offset = root.offset
        var limit = root.limit
        while offset < inner, let tag = reader.byte(at: offset, limit: limit),
            let end = reader.end(of: offset, limit: limit), inner < end
        {
            let step: Step?
            switch tag {
            case Tag.keyed:
                let level = enter(offset, depth: path.count, first: offset + Word.size, towards: inner)
                step = field(towards: inner, in: reader, from: level, limit: end, name: name)
            case Tag.unkeyed:
                let level = enter(offset, depth: path.count, first: offset + unkeyedHeaderSize, towards: inner)
                step = element(towards: inner, in: reader, from: level, limit: end)
            default:
                step = nil
            }
            guard let step else { break }
            path.append(step.key)
            offset = step.value
            limit = step.end
        }
        return path
    }

    private typealias Step = (key: PathKey, value: Int, end: Int)

    /// The level of a container, as far as the last search came in it, unless that was too far.
    private mutating func enter(_ container: Int, depth: Int, first: Int, towards inner: Int) -> Int {
        if depth < levels.count, levels[depth].container == container, levels[depth].place <= inner { return depth }
        levels.removeLast(levels.count - depth)
        levels.append(Level(container: container, place: first))
        return depth
    }

    private mutating func field(
        towards inner: Int,
        in reader: FormatReader,
        from level: Int,
        limit: Int,
        name: (FormatReader.Field.Key) -> PathKey?
    ) -> Step? {
        while let field = reader.field(at: levels[level].place, limit: limit) {
            if inner < field.end { return name(field.key).map { ($0, field.value, field.end) } }
            levels[level].place = field.end
        }
        return nil
    }

    private mutating func element(towards inner: Int, in reader: FormatReader, from level: Int, limit: Int) -> Step? {
        while let end = reader.end(of: levels[level].place, limit: limit) {
            let place = levels[level].place
            var run: (start: Int, width: Int)?
            if reader.byte(at: place, limit: end).map(Tag.isRun) == true {
                guard let found = reader.run(at: place, limit: end), let width = Tag.numberWidth(found.tag) else {
                    return nil
                }
                run = (found.numbers.lowerBound, width)
            }
            if inner < end {
                guard let run else { return (PathKey(intValue: levels[level].index), place, end) }
                let before = (max(run.start, inner) - run.start) / run.width
                return (PathKey(intValue: levels[level].index + before), inner, end)
            }
            levels[level].index += run.map { (end - $0.start) / $0.width } ?? 1
            levels[level].place = end
        }
        return nil
    }
}
