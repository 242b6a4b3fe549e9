import CSystemShims
import Glibc

/// How the elements of a big array lie in memory.
enum ArrayMemory {
    static let pageSize = sysconf(Int32(_SC_PAGESIZE))

    /// Smaller arrays most often have memory that was used before, which is as well written to.
    static let leastBytes = FreshMemory.least

    /// Where in its page an array's first element lies if its memory is a mapping of its own: behind two words that the allocator keeps there,
    /// and four of the array.
    private static let offsetInPage = 6 * MemoryLayout<Int>.size

    /// How many bytes of such an array are in its first page.
    static var countBeforeSecondPage: Int { pageSize - offsetInPage }

    /// Whether an array's memory, with so many bytes of elements, is a mapping of its own, which the allocator gives back to the system as a whole.
    static func isOwnMapping(_ elements: UnsafeMutableRawPointer, count: Int) -> Bool {
        cf_has_own_mapping(elements, count, offsetInPage, pageSize) != 0
    }

    /// How many bytes are to be left out in a file before numbers, so that they lie in its pages as they would in an array's memory.
    ///
    /// - Parameter offset: where they would be in the file without that.
    static func gap(at offset: Int) -> Int {
        ((offsetInPage - offset) % pageSize + pageSize) % pageSize
    }
}
