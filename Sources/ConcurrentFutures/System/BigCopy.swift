import CSystemShims

/// Copies of much memory into memory that was written to before.
enum BigCopy {
    /// So much is in no cache any more when somebody reads it. The system's own copy finds that only from three quarters of the last cache, and
    /// where processors are shared it takes the whole machine's for its own.
    private static let leastPastCaches = 32 << 20

    static func copy(_ bytes: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer) {
        guard let source = bytes.baseAddress else { return }
        if bytes.count >= leastPastCaches {
            cf_copy_past_caches(place, source, bytes.count)
        } else {
            place.copyMemory(from: source, byteCount: bytes.count)
        }
    }
}
