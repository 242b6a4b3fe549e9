import CSystemShims
import Glibc

/// This program's standard error, which may be a pipe that nobody reads.
enum StandardError {
    enum Readiness {
        /// Something can be written without waiting.
        case writable
        /// The other descriptor has something to read.
        case interrupted
        /// The time has passed, or nobody can ever read it.
        case gaveUp
    }

    /// So much can be written to a pipe that is writable at all.
    private static let chunk = 4096

    /// Waits until it can be written to.
    ///
    /// - Parameters:
    ///   - other: what may end the waiting.
    ///   - milliseconds: how long to wait; a negative number is without limit.
    static func wait(orFor other: Descriptor, milliseconds: Int32) -> Readiness {
        var watched = [
            pollfd(fd: 2, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: other.number, events: milliseconds < 0 ? Int16(POLLIN) : 0, revents: 0),
        ]
        while poll(&watched, 2, milliseconds) < 0 {
            if errno != EINTR { return .gaveUp }
        }
        if watched[0].revents & Int16(POLLOUT) != 0 { return .writable }
        if watched[0].revents != 0 { return .gaveUp }
        return watched[1].revents != 0 ? .interrupted : .gaveUp
    }

    /// Writes the beginning of the bytes.
    ///
    /// - Returns: how many were written; all of them, to be thrown away, if nobody can read them any more.
    static func writeSome(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { bytes in
            let count = write(2, bytes.baseAddress, min(bytes.count, chunk))
            if count >= 0 { return count }
            return errno == EINTR || errno == EAGAIN ? 0 : bytes.count
        }
    }
}
