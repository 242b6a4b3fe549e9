import ConcurrentFutures
import Foundation
import Synchronization

/// A web server with a few pages, so that loading pages can be shown without a network.
///
/// Waiting for connections and for requests blocks, and so it is done on a pool of threads.
final class LoopbackServer: Sendable {
    private struct Page {
        var path: String
        var size: Int
        /// How long the server lets the reader wait.
        var delay: TimeInterval
    }

    private static let pages = [
        Page(path: "/slow", size: 120_000, delay: 0.6),
        Page(path: "/quick", size: 2_500, delay: 0),
        Page(path: "/medium", size: 48_000, delay: 0.4),
        Page(path: "/brisk", size: 900, delay: 0.2),
    ]

    private let socket: LoopbackSocket
    private let threads: ThreadPoolExecutor
    private let isStopping = Atomic(false)

    init() throws {
        socket = try LoopbackSocket()
        threads = try ThreadPoolExecutor(maxWorkers: 1 + Self.pages.count)
        try socket.startListening()
        threads.submit { try self.acceptConnections() }
    }

    /// Where its pages are.
    var addresses: [String] {
        Self.pages.map { socket.address + $0.path }
    }

    func stop() async throws {
        isStopping.store(true, ordering: .releasing)
        try socket.ring()
        await threads.shutdown()
    }

    private func acceptConnections() throws {
        while true {
            let connection = try socket.nextConnection()
            if isStopping.load(ordering: .acquiring) { return }
            threads.submit { try Self.answer(connection) }
        }
    }

    private static func answer(_ connection: FileHandle) throws {
        var request = Data()
        while request.range(of: Data("\r\n\r\n".utf8)) == nil {
            let more = connection.availableData
            if more.isEmpty { return }
            request += more
        }
        let path = String(decoding: request, as: UTF8.self).split(separator: " ").dropFirst().first ?? ""
        guard let page = pages.first(where: { $0.path == path }) else {
            try connection.write(contentsOf: Data("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8))
            return
        }
        Thread.sleep(forTimeInterval: page.delay)
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(page.size)\r\nConnection: close\r\n\r\n"
        try connection.write(contentsOf: Data(head.utf8) + Data(repeating: UInt8(ascii: "."), count: page.size))
    }
}

/// Runs a body while the server is up.
func withLoopbackServer(_ body: (LoopbackServer) async throws -> Void) async throws {
    let server = try LoopbackServer()
    let result: Result<Void, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    try await server.stop()
    try result.get()
}
