import Foundation

/// A stream socket that is bound to a free port of the loopback interface.
final class LoopbackSocket: Sendable {
    private let descriptor: Int32
    private let port: UInt16

    /// Takes a port; until ``listen()`` is called, connections to it are refused.
    init() throws {
        let descriptor = try Self.makeSocket()
        var address = Self.socketAddress(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withSocketAddress(of: &address) {
            bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
        guard isBound else { throw Self.lastError() }
    }

    deinit {
        close(descriptor)
    }

    var address: String { "http://127.0.0.1:\(port)" }

    func startListening() throws {
        guard listen(descriptor, 16) == 0 else { throw Self.lastError() }
    }

    /// Waits for the next connection.
    ///
    /// - Returns: the connection, to be read from and written to; it is closed when it is dropped.
    func nextConnection() throws -> FileHandle {
        while true {
            let connection = accept(descriptor, nil, nil)
            if connection >= 0 { return FileHandle(fileDescriptor: connection, closeOnDealloc: true) }
            guard errno == EINTR || errno == ECONNABORTED else { throw Self.lastError() }
        }
    }

    /// Connects to the socket itself, and hangs up.
    func ring() throws {
        let caller = try Self.makeSocket()
        defer { close(caller) }
        var address = Self.socketAddress(port: port)
        let isConnected = withSocketAddress(of: &address) {
            connect(caller, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
        guard isConnected else { throw Self.lastError() }
    }

    private static func makeSocket() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw lastError() }
        // Programs that are started meanwhile need not hold it open.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func socketAddress(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func lastError() -> POSIXError {
        POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
}

/// The address as the socket calls want it: they look at the family to know which kind it is.
private func withSocketAddress<Result>(
    of address: inout sockaddr_in,
    _ body: (UnsafeMutablePointer<sockaddr>) -> Result
) -> Result {
    // Both are C structs that begin with the family, and `sockaddr` is not larger.
    withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
    }
}
