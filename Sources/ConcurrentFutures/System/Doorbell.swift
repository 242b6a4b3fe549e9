import CSystemShims
import Glibc

/// Wakes a thread that waits in a ``Poller``; rings before it looks add up to one. Both ends may be in different processes.
final class Doorbell: Sendable {
    let descriptor: Descriptor

    init() throws(SystemError) {
        let number = try retrying("eventfd") { eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)) }
        descriptor = try Descriptor(owning: number)
    }

    init(_ descriptor: Descriptor) {
        self.descriptor = descriptor
    }

    /// A bell that cannot be rung because it has not been answered for 2⁶⁴ rings is ringing already, so no failure matters.
    func ring() {
        var one: UInt64 = 1
        while write(descriptor.number, &one, 8) < 0, errno == EINTR {}
    }

    /// Never waits: the other process could have made the bell one that does.
    func silence() {
        var count: UInt64 = 0
        while cf_read_if_ready(descriptor.number, &count, 8) < 0, errno == EINTR {}
    }
}
