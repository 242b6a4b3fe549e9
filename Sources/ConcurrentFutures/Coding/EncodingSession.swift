/// The bytes of an encoder and the containers that are open in them.
///
/// Everything is appended to one buffer, in the order in which it is encoded. That order nearly always is the order of the
/// format: a nested container is filled before its parent gets its next element. `Codable` allows otherwise: a parent and two
/// nested containers may be written to in turns. So each container is a slot that knows its place; what is written to one that
/// no longer ends where the bytes end is moved there afterwards.
///
/// Unchecked: a `BinaryEncoder` is the only owner, cannot be copied, and lends the session only to the `encode(to:)` that it
/// calls. A type that keeps its encoder and uses it later is stopped by the slots' serial numbers.
final class EncodingSession: @unchecked Sendable {
    @exclusivity(unchecked) var out = OutputBuffer()
    @exclusivity(unchecked) private var slots: [Slot] = []
    /// The innermost slot that is open; its ancestors are open too, and nothing else is.
    @exclusivity(unchecked) private var current = -1
    @exclusivity(unchecked) private var latestSerial: UInt32 = 0
    @exclusivity(unchecked) var keys = KeyIndex()
    /// The key table of the message, as it will be written after the value.
    @exclusivity(unchecked) var keyTable = KeyTable()
    @exclusivity(unchecked) private var stack = StackBudget()
    /// The files that travel with what has been written; `nil` where none can.
    @exclusivity(unchecked) var attachments: [SharedFile]?

    /// Where one value is written.
    private struct Slot {
        let start: Int
        /// Holds only of a slot that is not open.
        var end: Int
        let parent: Int
        let serial: UInt32
        var content: Content
        var count = 0

        init(start: Int, end: Int, parent: Int, serial: UInt32, content: Content) {
            self.start = start
            self.end = end
            self.parent = parent
            self.serial = serial
            self.content = content
        }

        func moved(by distance: Int) -> Slot {
            var copy = Slot(
                start: start + distance,
                end: end + distance,
                parent: parent,
                serial: serial,
                content: content
            )
            copy.count = count
            return copy
        }
    }

    enum Content {
        /// Nothing has been written.
        case vacant
        /// One byte holds the place: of a `superEncoder()`, which may be filled at any later time.
        case placeholder
        case single
        case keyed
        case unkeyed
    }

    /// Names a slot, also after it is gone.
    struct SlotID {
        fileprivate let index: Int32
        fileprivate let serial: UInt32
    }

    // MARK: Messages

    func appendMessage<T: Encodable>(_ value: T) throws {
        if appendWithoutContainer(value) { return }
        let start = out.count
        let attachmentCount = attachments?.count ?? 0
        keys.removeAll()
        keyTable.removeAll()
        stack.reset()
        out.append(raw: UInt64(0))
        do {
            try appendInOwnSlot(value)
        } catch {
            out.truncate(to: start)
            attachments?.removeSubrange(attachmentCount...)
            throw error
        }
        out.overwrite(at: start, with: Word(Tag.message, length: out.count - start - Word.size).bits)
        keyTable.append(to: &out)
    }

    // MARK: Values

    /// Appends a value of any type at the end of the bytes.
    @inline(__always)
    func appendValue<T: Encodable>(_ value: T) throws {
        if !appendWithoutContainer(value) { try appendInOwnSlot(value) }
    }

    private func appendInOwnSlot<T: Encodable>(_ value: T) throws {
        guard stack.enter() else {
            throw EncodingError.invalidValue(
                value,
                EncodingError.Context(
                    codingPath: path(toSlotAt: current),
                    debugDescription: "The value is nested too deeply."
                )
            )
        }
        defer { stack.leave() }
        let parent = current
        let index = slots.count
        let start = out.count
        let id = appendSlot(start: start, parent: parent, content: .vacant)
        current = index
        do {
            try value.encode(to: ValueEncoder(session: self, slot: id))
        } catch {
            slots.removeLast(slots.count - index)
            current = parent
            out.truncate(to: start)
            throw error
        }
        close(through: index)
        slots.removeLast(slots.count - index)
    }

    // MARK: Slots

    /// Writes to a slot that holds a container: `write` appends, and what it appended ends up at the slot's end.
    ///
    /// If it throws, nothing of it is left.
    ///
    /// - Parameter elements: How many fields or elements it appends.
    @inline(__always)
    func append(to id: SlotID, elements: Int = 1, _ write: () throws -> Void) throws {
        let isTail = select(id)
        let start = out.count
        do {
            try write()
        } catch {
            out.truncate(to: start)
            throw error
        }
        let index = Int(id.index)
        slots[index].count &+= elements
        if !isTail { settle(index, from: start, replacing: 0) }
    }

    /// How many elements an unkeyed container has.
    func count(of id: SlotID) -> Int { slots[checked(id)].count }

    /// Makes a slot hold a container, which it may do already: a class and its superclass share one.
    func open(_ id: SlotID, as content: Content) {
        let index = checked(id)
        switch slots[index].content {
        case .vacant:
            appendHeader(of: content)
        case .placeholder:
            replacePlaceholder(of: id) { appendHeader(of: content) }
        case .single, .keyed, .unkeyed:
            precondition(slots[index].content == content, "a value encodes containers of two kinds in one place")
            return
        }
        slots[index].content = content
    }

    /// Writes the only value of a slot.
    func appendSingle(to id: SlotID, _ value: @autoclosure () -> any Encodable, _ write: () throws -> Void) throws {
        let index = checked(id)
        switch slots[index].content {
        case .vacant:
            try write()
        case .placeholder:
            try replacePlaceholder(of: id, write)
        case .single, .keyed, .unkeyed:
            throw EncodingError.invalidValue(
                value(),
                EncodingError.Context(
                    codingPath: path(to: id),
                    debugDescription: "Another value was already encoded in the same place."
                )
            )
        }
        slots[index].content = .single
    }

    /// Adds a container within another.
    func appendNested(_ content: Content, to id: SlotID, key writeKey: () -> Void) -> SlotID {
        let parent = Int(id.index)
        let isTail = select(id)
        let start = out.count
        writeKey()
        let keySize = out.count - start
        appendHeader(of: content)
        let size = out.count - start
        slots[parent].count &+= 1
        if isTail {
            let nested = appendSlot(start: start + keySize, parent: parent, content: content)
            current = Int(nested.index)
            return nested
        }
        let end = slots[parent].end
        settle(parent, from: start, replacing: 0)
        return appendSlot(start: end + keySize, end: end + size, parent: parent, content: content)
    }

    private func appendSlot(start: Int, end: Int = 0, parent: Int, content: Content) -> SlotID {
        latestSerial &+= 1
        slots.append(Slot(start: start, end: end, parent: parent, serial: latestSerial, content: content))
        return SlotID(index: Int32(slots.count - 1), serial: latestSerial)
    }

    private func appendHeader(of content: Content) {
        switch content {
        case .placeholder: out.append(Tag.empty)
        case .keyed: out.append(raw: Word(Tag.keyed, length: 0).bits)
        case .unkeyed:
            out.append(raw: Word(Tag.unkeyed, length: 0).bits)
            out.append(raw: UInt64(0))
        case .vacant, .single: break
        }
    }

    @inline(__always)
    private func checked(_ id: SlotID) -> Int {
        let index = Int(id.index)
        precondition(
            index < slots.count && slots[index].serial == id.serial,
            "an encoder or one of its containers was used after encode(to:) had returned"
        )
        return index
    }

    /// Whether what is appended now is at the end of this slot; makes it so if that takes no moving.
    @inline(__always)
    private func select(_ id: SlotID) -> Bool {
        let index = checked(id)
        return index == current || reopen(index)
    }

    private func reopen(_ index: Int) -> Bool {
        var open = current
        var wanted = index
        // A parent is older than its children, so that the greater of the two cannot be an ancestor of the other.
        while open != wanted {
            if open > wanted { open = slots[open].parent } else { wanted = slots[wanted].parent }
        }
        while current != open { close(through: current) }
        guard open == index || slots[index].end == out.count else { return false }
        current = index
        return true
    }

    /// Closes the open slots from the innermost up to and with this one.
    private func close(through index: Int) {
        while true {
            let slot = current
            if slots[slot].content == .vacant { out.append(Tag.empty) }
            slots[slot].end = out.count
            writeHeader(of: slot)
            current = slots[slot].parent
            if slot == index { return }
        }
    }

    private func writeHeader(of index: Int) {
        let slot = slots[index]
        switch slot.content {
        case .keyed:
            out.overwrite(at: slot.start, with: Word(Tag.keyed, length: slot.end - slot.start - Word.size).bits)
        case .unkeyed:
            let length = slot.end - slot.start - unkeyedHeaderSize
            out.overwrite(at: slot.start, with: Word(Tag.unkeyed, length: length).bits)
            out.overwrite(at: slot.start + Word.size, with: UInt64(slot.count))
        case .vacant, .placeholder, .single:
            break
        }
    }

    // MARK: Writing in turns

    private func replacePlaceholder(of id: SlotID, _ write: () throws -> Void) rethrows {
        let index = Int(id.index)
        if select(id) {
            out.truncate(to: slots[index].start)
            do {
                try write()
            } catch {
                out.truncate(to: slots[index].start)
                out.append(Tag.empty)
                throw error
            }
        } else {
            let start = out.count
            do {
                try write()
            } catch {
                out.truncate(to: start)
                throw error
            }
            settle(index, from: start, replacing: 1)
        }
    }

    /// Moves what stands from `start` on to the end of a closed slot, in the place of its last `replacing` bytes, and makes
    /// every other slot know where it is now.
    private func settle(_ index: Int, from start: Int, replacing: Int) {
        let end = slots[index].end
        let growth = out.count - start - replacing
        out.moveTail(from: start, to: end - replacing..<end)
        // No slot is without a byte, so that those which start here or later are exactly those which come after.
        for other in slots.indices where slots[other].start >= end {
            slots[other] = slots[other].moved(by: growth)
        }
        var grown = index
        while grown != current {
            slots[grown].end += growth
            writeHeader(of: grown)
            grown = slots[grown].parent
        }
    }
}

// MARK: - Paths

extension EncodingSession {
    func path(to id: SlotID) -> [any CodingKey] { path(toSlotAt: checked(id)) }

    /// Finds out, from the bytes, how one comes to a slot: nobody has to keep a record on the way for an error that is rare.
    private func path(toSlotAt index: Int) -> [any CodingKey] {
        var chain: [Int] = []
        var slot = index
        while slot >= 0 {
            chain.append(slot)
            slot = slots[slot].parent
        }
        let steps = zip(chain.dropFirst(), chain).reversed().map { (slots[$0], slots[$1].start) }
        let names = keyTable.entries
        return out.withUnsafeBytes { bytes in
            steps.compactMap { parent, child in
                // A container that is still open has no length yet; but all that stands before its child is complete.
                let reader = FormatReader(bytes)
                switch parent.content {
                case .keyed:
                    return reader.key(before: child, from: parent.start + Word.size, names: names)
                case .unkeyed:
                    return reader.index(of: child, from: parent.start + unkeyedHeaderSize).map(PathKey.init(intValue:))
                case .vacant, .placeholder, .single:
                    return nil
                }
            }
        }
    }
}
