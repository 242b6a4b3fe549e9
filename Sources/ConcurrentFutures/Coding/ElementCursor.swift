/// Goes through the elements of an unkeyed container, those of its runs included.
struct ElementCursor {
    let container: Int
    /// As the container says it; never more than it has bytes, so that it can be used to reserve memory.
    let count: Int
    private(set) var index = 0
    private var next: Int
    private let limit: Int
    /// Where the run ends in which `next` lies, and the tag of its elements.
    private var runEnd = 0
    private var runTag: UInt8 = 0

    struct Element {
        let place: ValuePlace
        fileprivate let runEnd: Int
        fileprivate let runTag: UInt8
    }

    init(session: DecodingSession, place: ValuePlace) throws {
        container = place.offset
        if place.elementTag == nil, session.tag(at: place) == Tag.empty {
            count = 0
            next = place.offset + 1
            limit = next
            return
        }
        guard place.elementTag == nil,
            let word = session.reader.word(
                Tag.unkeyed,
                header: unkeyedHeaderSize,
                at: place.offset,
                limit: place.limit
            )
        else { throw session.mismatch([Any].self, at: place) }
        next = place.offset + unkeyedHeaderSize
        limit = next + word.length
        guard let claimed = session.reader.load(UInt64.self, at: place.offset + Word.size, limit: limit),
            claimed <= UInt64(word.length)
        else { throw session.corrupted(at: place.offset, "The container is too short for its elements.") }
        count = Int(claimed)
    }

    @inline(__always)
    var isAtEnd: Bool { next >= limit }

    /// The next element. It stays the next one until `advance(past:)`.
    @inline(__always)
    func next(_ session: DecodingSession, expecting type: Any.Type) throws -> Element {
        let tag = session.reader.byte(at: next, limit: limit)
        if next >= runEnd, let tag, !Tag.isRun(tag), let end = session.reader.end(of: next, limit: limit) {
            return Element(place: ValuePlace(offset: next, limit: end), runEnd: 0, runTag: 0)
        }
        return try nextOfRun(session, expecting: type)
    }

    @inline(__always)
    mutating func advance(past element: Element) {
        next = element.place.limit
        runEnd = element.runEnd
        runTag = element.runTag
        index += 1
    }

    private func nextOfRun(_ session: DecodingSession, expecting type: Any.Type) throws -> Element {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(type, session.context(at: container, "There are no more elements."))
        }
        var start = next
        var end = runEnd
        var tag = runTag
        if start >= end {
            guard let run = session.reader.run(at: start, limit: limit) else {
                throw session.corrupted(at: start, "The bytes are not those of an element.")
            }
            start = run.numbers.lowerBound
            end = run.numbers.upperBound
            tag = run.tag
            session.reader.origin?.pointee.lent?.fill(start..<end)
        }
        guard let width = Tag.numberWidth(tag), width <= end - start else {
            throw session.corrupted(at: start, "The bytes are not those of a run of numbers.")
        }
        return Element(
            place: ValuePlace(offset: start, limit: start + width, elementTag: tag),
            runEnd: end,
            runTag: tag
        )
    }
}
