import CSystemShims

/// The types that the loaded images declare, which the Swift runtime was told of when the images were loaded.
enum TypeRecords {
    private struct Search {
        let descriptor: UInt
        var isFound = false

        mutating func look(at records: UnsafeBufferPointer<Int32>) {
            guard !isFound, let start = records.baseAddress else { return }
            for index in records.indices where TypeRecords.descriptor(of: start + index) == descriptor {
                isFound = true
                return
            }
        }
    }

    /// Whether there is a type's descriptor at this address, and not only something that looks like one.
    ///
    /// Goes through the some thousand records of all images, which takes some microseconds.
    static func declare(descriptorAt address: UInt) -> Bool {
        var search = Search(descriptor: address)
        withUnsafeMutablePointer(to: &search) { search in
            cshim_iterate_type_records(
                { records, count, context in
                    // `context` is `search`, which outlives this call.
                    let search = context!.assumingMemoryBound(to: Search.self)
                    search.pointee.look(at: UnsafeBufferPointer(start: records, count: count))
                },
                search
            )
        }
        return search.isFound
    }

    /// A record is a relative pointer; its two lowest bits say whether to the descriptor, or to a pointer to it.
    private static func descriptor(of record: UnsafePointer<Int32>) -> UInt? {
        let place = UInt(bitPattern: record) &+ UInt(bitPattern: Int(record.pointee & ~3))
        switch record.pointee & 3 {
        case 0: return place
        case 1: return UnsafePointer<UInt>(bitPattern: place)?.pointee
        default: return nil
        }
    }
}
