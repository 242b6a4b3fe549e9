import FoundationEssentials
import Glibc
import Report

/// Figures by the names of their metrics.
typealias Figures = [String: Double]

/// What a process that has measured something says.
struct Answer: Codable {
    /// `nil` if the subject has no such thing.
    var values: Figures?
}

/// Has a probe carried out, in a process of its own, so that no measurement meets what another has left behind.
struct Measurement {
    /// How long one may take, in seconds.
    var timeout: Int
    var peers: Result<PythonPeers, ChildProcess.Failure>

    func callAsFunction(
        _ probe: Probe,
        of subject: Subject,
        size: Int
    ) throws(ChildProcess.Failure) -> Figures? {
        let output =
            subject.isPython
            ? try peers.get().run([subject.rawValue, probe.rawValue, "\(size)"], timeout: timeout)
            : try Self.own(["measure", subject.rawValue, probe.rawValue, "\(size)"], timeout: timeout)
        return try Self.answer(in: output).values
    }

    /// Runs this program again.
    static func own(_ arguments: [String], timeout: Int) throws(ChildProcess.Failure) -> String {
        try ChildProcess.run([ownPath] + arguments, timeout: timeout)
    }

    private static let ownPath: String = {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        precondition(count > 0, "this program does not know where it lies")
        return String(decoding: path[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }()

    static func answer(in output: String) throws(ChildProcess.Failure) -> Answer {
        // What a library may say before is not of interest.
        let line = output.split(separator: "\n").last ?? ""
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
        } catch {
            throw ChildProcess.Failure(reason: "no answer: \(line.prefix(60))", standardError: "\(error)")
        }
    }
}
