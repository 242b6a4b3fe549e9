import CSystemShims
import Dispatch
import Glibc

/// The main thread's queue, on which the main actor's work arrives.
enum MainQueue {
    /// Runs what arrives on the main queue, for ever. Must be called on the main thread.
    ///
    /// - Parameters:
    ///   - bell: is answered here, too.
    ///   - onBell: is called when it has had a message.
    static func serve(answering bell: MessageSocket, onBell: () -> Void) -> Never {
        let handle = _dispatch_get_main_queue_handle_4CF()
        var watched = [
            pollfd(fd: handle, events: Int16(POLLIN), revents: 0),
            pollfd(fd: bell.descriptor.number, events: Int16(POLLIN), revents: 0),
        ]
        let numbers = watched.map(\.fd)
        let identities = numbers.map { Descriptor.identity(of: $0) }
        while true {
            guard poll(&watched, 2, -1) > 0 else { continue }
            // Whoever closes all descriptors closes these too, and the next files that are opened may have their numbers.
            guard numbers.map({ Descriptor.identity(of: $0) }) == identities else {
                fatalError("something in this process closed the descriptors on which it hears of its host")
            }
            let isReadable = watched.map { $0.revents & Int16(POLLIN) != 0 }
            // That the other end was closed would be told again and again.
            for index in watched.indices where watched[index].revents & ~Int16(POLLIN) != 0 { watched[index].fd = -1 }
            if isReadable[1], (try? bell.receive()) != nil { onBell() }
            guard isReadable[0] else { continue }
            var count: UInt64 = 0
            _ = read(handle, &count, 8)
            _dispatch_main_queue_callback_4CF(nil)
        }
    }
}
