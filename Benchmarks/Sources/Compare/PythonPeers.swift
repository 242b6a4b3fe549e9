import FoundationEssentials

/// The pools of Python, in their virtual environment.
struct PythonPeers {
    private let python: String

    /// Installs them if they are not there yet.
    init() throws(ChildProcess.Failure) {
        let output = try ChildProcess.run([Self.directory + "/install"], timeout: 300)
        python = String(output.split(separator: "\n").last ?? "")
    }

    /// Where this package's scripts lay when it was built.
    private static let directory: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/") + "/Peers"
    }()

    /// What their programs are called, with their versions.
    func versions() throws(ChildProcess.Failure) -> [String: String] {
        let output = try run(["versions"], timeout: 30)
        do {
            return try JSONDecoder().decode([String: String].self, from: Data(output.utf8))
        } catch {
            throw ChildProcess.Failure(reason: "no versions", standardError: "\(error)")
        }
    }

    func run(_ arguments: [String], timeout: Int) throws(ChildProcess.Failure) -> String {
        // Its modules are compiled once, as everywhere; but not into the sources.
        let environment: [String: String?] = [
            "PYTHONDONTWRITEBYTECODE": nil,
            "PYTHONPYCACHEPREFIX": Self.directory + "/../.build/pycache",
        ]
        return try ChildProcess.run(
            [python, Self.directory + "/peers.py"] + arguments,
            environment: environment,
            timeout: timeout
        )
    }
}
