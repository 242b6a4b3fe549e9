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

    /// Has all of them know the calling thread by its own number, in a child that was forked and has no other thread.
    ///
    /// Nobody tells where they keep it: a module has such a variable for each of its files that uses `Mutex`, if it was not optimized. So every
    /// thread-local word with the old number is taken for one.
    ///
    /// - Parameters:
    ///   - old: the number of the parent's thread that forked.
    ///   - new: the calling thread's.
    static func renew(from old: Int32, to new: Int32) {
        var number = ThreadNumber(old: UInt32(bitPattern: old), new: UInt32(bitPattern: new))
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
        renew(start, byteCount: Int(header.p_memsz), mask: .max)
    }

    /// - Parameter mask: what of a word is the number.
    private func renew(_ start: UnsafeMutableRawPointer, byteCount: Int, mask: UInt32) {
        let end = start + byteCount
        var place = start.alignedUp(for: UInt32.self)
        while end - place >= MemoryLayout<UInt32>.size {
            let word = place.load(as: UInt32.self)
            if word & mask == old { place.storeBytes(of: word & ~mask | new, as: UInt32.self) }
            place += MemoryLayout<UInt32>.stride
        }
    }
}
