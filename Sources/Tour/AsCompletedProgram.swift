import ArgumentParser
import ConcurrentFutures
import Foundation
import FoundationNetworking

/// Why a page could not be loaded. It is `Codable`, so that it arrives as itself from the worker that throws it.
private struct LoadError: Error, Codable, CustomStringConvertible {
    var description: String
}

private func load(_ address: String, _ timeout: TimeInterval) async throws -> Data {
    guard let url = URL(string: address), url.host != nil else { throw LoadError(description: "this is not a URL") }
    let data: Data
    let response: URLResponse
    do {
        (data, response) = try await URLSession.shared.data(for: URLRequest(url: url, timeoutInterval: timeout))
    } catch {
        throw LoadError(description: error.localizedDescription)
    }
    if let response = response as? HTTPURLResponse, response.statusCode >= 400 {
        throw LoadError(description: "the server answered with status \(response.statusCode)")
    }
    return data
}

struct AsCompletedProgram: Program {
    static let name = "as-completed"
    static let summary = "load five pages at once, and see each as it arrives"

    @Argument(help: "What to load; without any, pages of a small server that the program itself starts.")
    var urls: [String] = []

    func demonstrate() async throws {
        guard urls.isEmpty else { return try await loadAll(urls) }
        try await withLoopbackServer { server in
            print("These pages are its own; to load others, give it their URLs: tour as-completed https://swift.org\n")
            // No proxy that this machine may be set up with can reach the server.
            setenv("no_proxy", "127.0.0.1", 1)
            // Nothing listens at the last one's port.
            let nobody = try LoopbackSocket()
            try await loadAll(server.addresses + ["\(nobody.address)/nobody-listens"])
        }
    }

    private func loadAll(_ urls: [String]) async throws {
        try await withProcessPool(maxWorkers: 5) { pool in
            let urlOf = Dictionary(uniqueKeysWithValues: urls.map { (pool.submit(load, $0, 60), $0) })
            for await future in asCompleted(urlOf.keys) {
                do {
                    print("\(urlOf[future]!) page is \(try await future.value.count) bytes")
                } catch {
                    print("\(urlOf[future]!) generated an exception: \(error)")
                }
            }
        }
    }
}
