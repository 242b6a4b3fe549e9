import CSystemShims
import Glibc

/// A file descriptor that is closed with its last reference. Those made here are never 0, 1 or 2 and are not inherited.
final class Descriptor: Sendable {
    let number: Int32

    /// Takes over an open descriptor; one that landed among the standard streams (the program may have none) moves away from there.
    init(owning number: Int32) throws(SystemError) {
        if number > 2 {
            self.number = number
        } else {
            let moved = cf_duplicate_above(number, 3)
            let error = errno
            close(number)
            guard moved >= 0 else { throw SystemError("fcntl(F_DUPFD_CLOEXEC)", number: error) }
            self.number = moved
        }
    }

    /// What the descriptor is of. Tells that something in this process closed it and that its number is another's by now, unless that is
    /// of the same nameless kind.
    struct Identity: Equatable {
        fileprivate let device: dev_t
        fileprivate let file: ino_t
    }

    /// `nil` if it was closed.
    var identity: Identity? { Self.identity(of: number) }

    /// `nil` if there is no such descriptor.
    static func identity(of number: Int32) -> Identity? {
        var status = stat()
        return fstat(number, &status) == 0 ? Identity(device: status.st_dev, file: status.st_ino) : nil
    }

    /// Leaves the descriptor open for ever, as far as it is open: something in this process has closed it, and its number may be another's.
    func abandon() {
        _ = Unmanaged.passRetained(self)
    }

    deinit {
        close(number)
    }
}
