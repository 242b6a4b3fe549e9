import CSystemShims
import Glibc

/// A thread of the operating system.
struct SystemThread: Sendable {
    private let handle: pthread_t

    /// The calling thread.
    static var current: SystemThread { SystemThread(handle: pthread_self()) }

    /// Starts a thread that nobody waits for.
    ///
    /// - Parameters:
    ///   - stackSize: in bytes; the system's default if `nil`.
    ///   - body: what it runs.
    /// - Throws: ``SystemError`` if the system gives no thread.
    static func start(
        name: ThreadName,
        stackSize: Int? = nil,
        _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        try startJoinable(name: name, stackSize: stackSize, body).detach()
    }

    /// Starts a thread that must be joined or detached, once.
    static func startJoinable(
        name: ThreadName,
        stackSize: Int? = nil,
        _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) -> SystemThread {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        if let stackSize {
            let status = pthread_attr_setstacksize(&attributes, stackSize)
            guard status == 0 else { throw SystemError("pthread_attr_setstacksize", number: status) }
        }
        // The new thread takes the reference over; without a thread it is taken back here.
        let start = Unmanaged.passRetained(ThreadStart(name: name, body: body))
        var handle = pthread_t()
        let status = pthread_create(
            &handle,
            &attributes,
            { argument in
                let start = Unmanaged<ThreadStart>.fromOpaque(argument!).takeRetainedValue()
                _ = cf_prctl_set_name(start.name.cString)
                start.body()
                return nil
            },
            start.toOpaque()
        )
        guard status == 0 else {
            start.release()
            throw SystemError("pthread_create", number: status)
        }
        return SystemThread(handle: handle)
    }

    /// Waits until the thread has ended and is gone from the process.
    func join() {
        pthread_join(handle, nil)
    }

    /// Says that nobody will join the thread.
    func detach() {
        pthread_detach(handle)
    }
}

private final class ThreadStart: Sendable {
    let name: ThreadName
    let body: @Sendable () -> Void

    init(name: ThreadName, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
