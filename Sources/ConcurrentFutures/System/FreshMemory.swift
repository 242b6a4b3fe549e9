import CSystemShims
import Glibc

/// Memory that was just taken from the allocator, about to be written to as a whole.
enum FreshMemory {
    /// Below it, the allocator has most often used the memory before, and there is nothing to gain.
    static let least = 4 << 20
    private static let pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))

    /// Asks for huge pages, so that writing to the memory does not stop at every page of it to have it given and cleared.
    ///
    /// It only is advice, and costs a system call. So much memory is a mapping of its own; advised in full, it stays one.
    static func prepare(_ memory: UnsafeMutableRawBufferPointer) {
        guard memory.count >= least, let base = memory.baseAddress else { return }
        let start = UInt(bitPattern: base) & ~(pageSize - 1)
        let end = (UInt(bitPattern: base) + UInt(memory.count) + pageSize - 1) & ~(pageSize - 1)
        _ = madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), cf_hugepage)
    }
}
