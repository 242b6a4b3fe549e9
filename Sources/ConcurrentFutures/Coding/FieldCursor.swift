/// Goes through the fields of a keyed container in the order in which they are asked for.
///
/// Whoever reads in the order of writing finds each key where the last field ended. For all others there is a search, and
/// once searching has cost more than it should, an index.
final class FieldCursor {
    private static let patience = 256

    let session: DecodingSession
    private let container: Int
    private let start: Int
    private let limit: Int
    private var next: Int
    private var visited = 0
    private var index: [String: Int]?

    init(session: DecodingSession, place: ValuePlace) throws {
        self.session = session
        container = place.offset
        guard let tag = session.tag(at: place) else { throw session.mismatch([String: Any].self, at: place) }
        if place.elementTag == nil, tag == Tag.empty {
            start = place.offset + 1
            limit = start
        } else if place.elementTag == nil,
            let word = session.reader.word(Tag.keyed, at: place.offset, limit: place.limit)
        {
            start = place.offset + Word.size
            limit = start + word.length
        } else {
            throw session.mismatch([String: Any].self, at: place)
        }
        next = start
    }

    var path: [any CodingKey] { session.path(to: container) }

    /// The keys of all fields, up to the first that makes no sense.
    var keys: [String] {
        var keys: [String] = []
        var offset = start
        while let field = session.reader.field(at: offset, limit: limit) {
            if !field.isAbsent, let key = session.text(of: field.key).flatMap(FormatReader.string(validating:)) {
                keys.append(key)
            }
            offset = field.end
        }
        return keys
    }

    enum Guess {
        case value(ValuePlace)
        /// The key is there, without a value.
        case absent
        /// Another key is there.
        case miss
    }

    /// The value of the next field, if its key is the wanted one by its number; most of the time it is.
    @inline(__always)
    func guess(_ place: Int?, consuming: Bool) -> Guess {
        guard let place, let entry = session.keys[place], entry < Int(KeyForm.wideIndex),
            let form = session.reader.byte(at: next, limit: limit), Int(form) == entry,
            let end = session.reader.end(of: next + 1, limit: limit)
        else { return .miss }
        let offset = next + 1
        if session.reader.byte(at: offset, limit: end) == Tag.absent {
            next = end
            return .absent
        }
        if consuming { next = end }
        return .value(ValuePlace(offset: offset, limit: end))
    }

    /// The value of a key, wherever it is.
    ///
    /// - Parameter place: Where to remember which table entry the key is.
    func search(_ key: String, place: Int?, consuming: Bool) throws -> ValuePlace? {
        guard let offset = try find(key), let field = session.reader.field(at: offset, limit: limit) else { return nil }
        if let place, case .entry(let entry) = field.key { session.keys[place] = entry }
        next = consuming || field.isAbsent ? field.end : offset
        return field.isAbsent ? nil : ValuePlace(offset: field.value, limit: field.end)
    }

    private func find(_ key: String) throws -> Int? {
        if visited > Self.patience {
            if index == nil { index = try makeIndex() }
            return index?[key]
        }
        var key = key
        return try key.withUTF8 { text in
            let text = UnsafeRawBufferPointer(text)
            return try find(text, from: next, to: limit) ?? find(text, from: start, to: next)
        }
    }

    private func find(_ key: UnsafeRawBufferPointer, from start: Int, to end: Int) throws -> Int? {
        var offset = start
        while offset < end {
            let field = try field(at: offset)
            if let text = session.text(of: field.key), Self.areEqual(text, key) { return offset }
            visited += 1
            offset = field.end
        }
        return nil
    }

    private static func areEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        one.count == other.count && !zip(one, other).contains(where: !=)
    }

    private func makeIndex() throws -> [String: Int] {
        var index: [String: Int] = [:]
        var offset = start
        while offset < limit {
            let field = try field(at: offset)
            if let key = session.text(of: field.key).flatMap(FormatReader.string(validating:)), index[key] == nil {
                index[key] = offset
            }
            offset = field.end
        }
        return index
    }

    private func field(at offset: Int) throws -> FormatReader.Field {
        guard let field = session.reader.field(at: offset, limit: limit) else {
            throw session.corrupted(at: container, "The bytes are not those of a field.")
        }
        return field
    }
}
