import CSystemShims
import Glibc

/// A call of the operating system that failed.
struct SystemError: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The name of the call.
    let call: String
    /// The error number it left.
    let number: Int32

    /// - Parameter number: the error number; by default the one that the last call left.
    init(_ call: String, number: Int32 = errno) {
        self.call = call
        self.number = number
    }

    /// Descriptors were sent to this process, which has no room for them.
    static let descriptorsLost = SystemError("recvmsg(SCM_RIGHTS)", number: EMFILE)

    /// For instance "memfd_create: Too many open files (24)".
    var description: String { "\(call): \(String(cString: strerror(number))) (\(number))" }

    /// Whether the process at the other end is gone.
    var isDisconnected: Bool { number == EPIPE || number == ECONNRESET }

    /// Whether there was too little of something, which may be different in a moment.
    var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS, ETOOMANYREFS, EAGAIN].contains(number) }

    /// Whether the call only has to be made again later.
    var isTransient: Bool { number == EAGAIN || number == EINTR }
}

/// Makes a call until a signal no longer interrupts it.
///
/// - Throws: ``SystemError`` with the name if the call returns a negative number.
@discardableResult
func retrying<Result: SignedInteger>(_ name: String, _ call: () -> Result) throws(SystemError) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        if errno != EINTR { throw SystemError(name) }
    }
}
