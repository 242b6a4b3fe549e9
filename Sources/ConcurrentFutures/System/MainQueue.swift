import CSystemShims
import Dispatch
import Glibc

/// The main thread's queue, on which the main actor's work arrives.
enum MainQueue {
    /// The descriptor on which it is told that something has arrived; libdispatch makes it when it is asked first.
    private static var descriptorNumber: Int32 { _dispatch_get_main_queue_handle_4CF() }

    /// What a process that is forked inherits of the queue.
    struct Inheritance {
        let descriptorNumber = MainQueue.descriptorNumber
        /// Whether something has arrived that nobody has run.
        private let isRung: Bool

        /// Before the fork.
        init() {
            var polled = pollfd(fd: descriptorNumber, events: Int16(POLLIN), revents: 0)
            isRung = poll(&polled, 1, 0) > 0
        }

        /// Puts a descriptor that is this process's alone in the place of the one that others have, too. Its number stays, because libdispatch keeps that.
        func takeOver() throws(SystemError) {
            let bell = try Doorbell()
            if isRung { bell.ring() }
            try retrying("dup3") { cf_duplicate_as(bell.descriptor.number, descriptorNumber) }
        }
    }

    /// Runs what arrives on the main queue, for ever. Must be called on the main thread.
    ///
    /// - Parameters:
    ///   - bell: is answered here, too.
    ///   - onBell: is called when it has had a message.
    static func serve(answering bell: MessageSocket, onBell: () -> Void) -> Never {
        let handle = descriptorNumber
        let queue = Source(handle)
        let host = Source(bell.descriptor.number)
        // No array, whose type would be looked up: each worker comes here at its birth.
        var polled = (queue.toPoll, host.toPoll)
        while true {
            let readyCount = withUnsafeMutablePointer(to: &polled) {
                $0.withMemoryRebound(to: pollfd.self, capacity: 2) { poll($0, 2, -1) }
            }
            guard readyCount > 0 else { continue }
            // Whoever closes all descriptors closes these too, and the next files that are opened may have their numbers.
            guard queue.isWhatItWas, host.isWhatItWas else {
                fatalError("something in this process closed the descriptors on which it hears of its host")
            }
            let queueIsReadable = isReadable(&polled.0)
            if isReadable(&polled.1), (try? bell.receive()) != nil { onBell() }
            guard queueIsReadable else { continue }
            var count: UInt64 = 0
            _ = read(handle, &count, 8)
            _dispatch_main_queue_callback_4CF(nil)
        }
    }

    private static func isReadable(_ polled: inout pollfd) -> Bool {
        // That the other end was closed would be told again and again.
        if polled.revents & ~Int16(POLLIN) != 0 { polled.fd = -1 }
        return polled.revents & Int16(POLLIN) != 0
    }

    /// A descriptor on which something arrives.
    private struct Source {
        let number: Int32
        let identity: Descriptor.Identity?

        init(_ number: Int32) {
            self.number = number
            identity = Descriptor.identity(of: number)
        }

        var toPoll: pollfd { pollfd(fd: number, events: Int16(POLLIN), revents: 0) }
        var isWhatItWas: Bool { Descriptor.identity(of: number) == identity }
    }
}
