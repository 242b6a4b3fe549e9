import CSystemShims
import Glibc

/// The number by which the system knows a thread.
///
/// Swift's runtime, `Mutex` and libdispatch ask for it once a thread and keep it in thread-local variables. They write it into their locks, and where
/// two threads meet at one, the system compares it with the number of the thread that calls. After a fork the child's only thread finds its
/// parent's number there: what it locks with that it cannot unlock while another thread waits. `Mutex` then ends the process, and who waits for a
/// static value that the main thread makes waits for ever.
///
/// So before it forks a thread finds the places where it is called by its number, and the child puts its own there: found by the child, each of the libraries' pages that are
/// looked at for that would have to be mapped there first.
struct ThreadNumber {
    private let number: UInt32

    private struct Place {
        var word: UnsafeMutableRawPointer
        /// What of the word is the number.
        var mask: UInt32
    }

    private var places: [Place] = []

    /// Knows no place yet.
    init(_ number: Int32) {
        self.number = UInt32(bitPattern: number)
    }

    /// Finds where the main thread, which calls this, is known by its number.
    ///
    /// Nobody tells where that is kept: a module has such a variable for each of its files that uses `Mutex`, if it was not optimized. So every
    /// thread-local word with the number is taken for one, unless it is half of a pointer: a process may well have the number 0x7f12 or 0x5581.
    static func ofMainThread() -> ThreadNumber {
        var number = ThreadNumber(CurrentProcess.pid)
        withUnsafeMutablePointer(to: &number) { number in
            _ = cshim_iterate_images(
                { image, context in
                    // `context` is `number`, which outlives this call; the loader passes no null `image`.
                    let number = context!.assumingMemoryBound(to: ThreadNumber.self)
                    number.pointee.findAmongThreadLocals(of: image!.pointee)
                    return 0
                },
                number
            )
        }
        // The main queue is bound to the main thread in the same way, with flags beside the number.
        number.find(in: cf_main_queue(), byteCount: Int(cf_main_queue_size), mask: 0x3fff_ffff)
        return number
    }

    /// Has the calling thread be known by its own number, in a child that the thread of this one has forked.
    func renew(to new: Int32) {
        let new = UInt32(bitPattern: new)
        for place in places {
            place.word.storeBytes(of: place.word.load(as: UInt32.self) & ~place.mask | new, as: UInt32.self)
        }
    }

    private mutating func findAmongThreadLocals(of image: cshim_image) {
        let headers = UnsafeBufferPointer(
            start: image.program_headers?.assumingMemoryBound(to: Elf64_Phdr.self),
            count: image.program_header_count
        )
        guard let start = image.thread_locals, let header = headers.first(where: { $0.p_type == UInt32(PT_TLS) })
        else { return }
        // They begin as zero, and those that do stand behind the others.
        find(in: start + Int(header.p_filesz), byteCount: Int(header.p_memsz - header.p_filesz), mask: .max)
    }

    /// Finds the number in a piece of memory, which is to stay where it is.
    ///
    /// - Parameter mask: what of a word is the number.
    mutating func find(in start: UnsafeMutableRawPointer, byteCount: Int, mask: UInt32) {
        let end = start + byteCount
        var place = start.alignedUp(for: UInt32.self)
        while end - place >= MemoryLayout<UInt32>.size {
            if place.load(as: UInt32.self) & mask == number, !isInPointer(place, start, end) {
                places.append(Place(word: place, mask: mask))
            }
            place += MemoryLayout<UInt32>.stride
        }
    }

    /// Whether a word is half of the address of something, or of the end of something.
    private func isInPointer(
        _ word: UnsafeMutableRawPointer,
        _ start: UnsafeMutableRawPointer,
        _ end: UnsafeMutableRawPointer
    ) -> Bool {
        let place = word.alignedDown(for: UInt.self)
        guard place >= start, end - place >= MemoryLayout<UInt>.size else { return false }
        let address = place.load(as: UInt.self)
        return Self.isMapped(address) || Self.isMapped(address &- 1)
    }

    private static func isMapped(_ address: UInt) -> Bool {
        let pageSize = UInt(getpagesize())
        var isResident: UInt8 = 0
        return mincore(UnsafeMutableRawPointer(bitPattern: address & ~(pageSize - 1)), 1, &isResident) == 0
    }
}
