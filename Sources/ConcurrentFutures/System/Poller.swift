import CSystemShims
import Glibc

/// Waits until one of many descriptors has something to read or lost its other end.
final class Poller: Sendable {
    /// Has something to read when one of the watched has, so that it can be watched itself.
    let descriptor: Descriptor

    init() throws(SystemError) {
        descriptor = try Descriptor(owning: try retrying("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    /// Watches a descriptor until it is removed.
    ///
    /// - Parameter token: what ``wait(timeoutMilliseconds:_:)`` calls it.
    func add(_ watched: Descriptor, token: UInt64) throws(SystemError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.u64 = token
        try retrying("epoll_ctl") { epoll_ctl(descriptor.number, EPOLL_CTL_ADD, watched.number, &event) }
    }

    /// Stops watching; a descriptor that is in use elsewhere too would go on being watched after its owner here closed it.
    func remove(_ watched: Descriptor) {
        var event = epoll_event()
        epoll_ctl(descriptor.number, EPOLL_CTL_DEL, watched.number, &event)
    }

    /// Calls `body` for each descriptor that is ready, at most 64 a time.
    ///
    /// - Parameter timeoutMilliseconds: 0 does not wait, a negative one waits without limit.
    func wait(timeoutMilliseconds: Int32, _ body: (_ token: UInt64) -> Void) {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { events in
            let count = epoll_wait(descriptor.number, events.baseAddress!, 64, timeoutMilliseconds)
            // Interrupted by a signal it returns with nothing, which every caller takes as a look round.
            for index in 0..<max(0, Int(count)) { body(events[index].data.u64) }
        }
    }
}
