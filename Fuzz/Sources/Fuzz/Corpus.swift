import FuzzTargets
import Glibc

/// The inputs of a target that are kept in files.
struct Corpus {
    private let directory: String

    init(_ root: String, of target: any FuzzTarget) {
        directory = "\(root)/\(target.name)"
    }

    /// - Returns: `nil` if there is no such directory.
    var inputs: [[UInt8]]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted().compactMap { Self.bytes(of: "\(directory)/\($0)") }
    }

    static func bytes(of path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 * 1024)
        while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
        return bytes
    }
}
