import CSystemShims
import Glibc

/// The number by which the system knows a thread.
///
/// Swift's runtime, `Mutex` and libdispatch ask for it once a thread and keep it in thread-local variables. They write it into their locks, and where
/// two threads meet at one, the system compares it with the number of the thread that calls. After a fork the child's only thread finds its
/// parent's number there: what it locks with that it cannot unlock while another thread waits. `Mutex` then ends the process, and who waits for a
/// static value that the main thread makes waits for ever.
struct ThreadNumber {
    private let old: UInt32
    private let new: UInt32

    init(from old: Int32, to new: Int32) {
        self.old = UInt32(bitPattern: old)
        self.new = UInt32(bitPattern: new)
    }

    /// Has all of them know the calling thread by its own number, in a child that was forked and has no other thread.
    ///
    /// Nobody tells where they keep it: a module has such a variable for each of its files that uses `Mutex`, if it was not optimized. So every
    /// thread-local word with the old number is taken for one, unless it is half of a pointer: a process may well have the number 0x7f12 or 0x5581.
    ///
    /// - Parameters:
    ///   - old: the number of the parent's thread that forked.
    ///   - new: the calling thread's.
    static func renew(from old: Int32, to new: Int32) {
        var number = ThreadNumber(from: old, to: new)
        withUnsafeMutablePointer(to: &number) { number in
            _ = cshim_iterate_images(
                { image, context in
                    // `context` is `number`, which outlives this call; the loader passes no null `image`.
                    context!.assumingMemoryBound(to: ThreadNumber.self).pointee.renewThreadLocals(of: image!.pointee)
                    return 0
                },
                number
            )
        }
        // The main queue is bound to the main thread in the same way, with flags beside the number.
        number.renew(cf_main_queue(), byteCount: Int(cf_main_queue_size), mask: 0x3fff_ffff)
    }

    private func renewThreadLocals(of image: cshim_image) {
        let headers = UnsafeBufferPointer(
            start: image.program_headers?.assumingMemoryBound(to: Elf64_Phdr.self),
            count: image.program_header_count
        )
        guard let start = image.thread_locals, let header = headers.first(where: { $0.p_type == UInt32(PT_TLS) })
        else { return }
        // They begin as zero, and those that do stand behind the others.
        renew(start + Int(header.p_filesz), byteCount: Int(header.p_memsz - header.p_filesz), mask: .max)
    }

    /// Puts the new number where the old one is.
    ///
    /// - Parameter mask: what of a word is the number.
    func renew(_ start: UnsafeMutableRawPointer, byteCount: Int, mask: UInt32) {
        let end = start + byteCount
        var place = start.alignedUp(for: UInt32.self)
        while end - place >= MemoryLayout<UInt32>.size {
            let word = place.load(as: UInt32.self)
            if word & mask == old, !isInPointer(place, start, end) {
                place.storeBytes(of: word & ~mask | new, as: UInt32.self)
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
