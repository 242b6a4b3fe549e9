import CSystemShims
import Glibc

/// One end of a socket that keeps messages whole and carries descriptors with them.
final class MessageSocket: Sendable {
    let descriptor: Descriptor

    init(_ descriptor: Descriptor) {
        self.descriptor = descriptor
    }

    /// Two ends, joined.
    static func pair() throws(SystemError) -> (MessageSocket, MessageSocket) {
        var ends: [Int32] = [-1, -1]
        try retrying("socketpair") {
            socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
        }
        let first = try Descriptor(owning: ends[0])
        let second = try Descriptor(owning: ends[1])
        return (MessageSocket(first), MessageSocket(second))
    }

    func makeNonBlocking() throws(SystemError) {
        try retrying("fcntl(O_NONBLOCK)") { cf_set_nonblocking(descriptor.number) }
    }

    /// Sends one message.
    ///
    /// - Throws: ``SystemError``; transient if the socket does not block and is full.
    func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(SystemError) {
        try retrying("sendmsg") {
            cf_send_with_descriptors(descriptor.number, bytes, bytes.count, descriptors, descriptors.count)
        }
    }

    /// Lets the other end see that nothing more will come or be read, although others may still hold this end.
    func shutDown() {
        _ = shutdown(descriptor.number, Int32(SHUT_RDWR))
    }

    struct Message {
        var bytes: [UInt8]
        /// A failure if this process has no room for all of them; it keeps none then.
        var descriptors: Result<[Descriptor], SystemError>
    }

    /// Receives one message; `nil` when the other end is closed.
    ///
    /// - Throws: ``SystemError``; transient if the socket does not block and is empty.
    func receive() throws(SystemError) -> Message? {
        let size = try sizeOfNextMessage()
        guard size > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        var numbers = [Int32](repeating: -1, count: Int(CF_DESCRIPTORS_AT_ONCE))
        var count = 0
        var isLacking: Int32 = 0
        let received = try retrying("recvmsg") {
            cf_receive_with_descriptors(
                descriptor.number,
                &bytes,
                bytes.count,
                &numbers,
                numbers.count,
                &count,
                &isLacking
            )
        }
        var descriptors: [Descriptor] = []
        for number in numbers.prefix(count) { descriptors.append(try Descriptor(owning: number)) }
        guard received > 0 else { return nil }
        bytes.removeLast(bytes.count - received)
        return Message(bytes: bytes, descriptors: isLacking == 0 ? .success(descriptors) : .failure(.descriptorsLost))
    }

    private func sizeOfNextMessage() throws(SystemError) -> Int {
        while true {
            do {
                return try retrying("recv") { cf_peek_size(descriptor.number) }
            } catch {
                // The other end was closed before it had read everything: told once, and before the last that it had sent itself.
                guard error.number == ECONNRESET else { throw error }
            }
        }
    }
}
