import CSystemShims
import Glibc

/// What `/proc` tells.
enum Processes {
    static func text(of path: String) -> String? {
        bytes(of: path).map { String(decoding: $0, as: UTF8.self) }
    }

    static func bytes(of path: String) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer.prefix(count))
        }
    }

    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The children of a process that has one thread.
    static func children(of pid: Int32) -> [Int32] {
        (text(of: "/proc/\(pid)/task/\(pid)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
    }

    /// Those of all threads of this process.
    static func ownChildren() -> [Int32] {
        names(in: "/proc/self/task").flatMap { thread in
            (text(of: "/proc/self/task/\(thread)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }
    }

    static func name(of pid: Int32) -> String? {
        text(of: "/proc/\(pid)/comm").map { String($0.dropLast()) }
    }

    /// `nil` if there is no such process; "Z" if it has ended and nobody has reaped it.
    static func state(of pid: Int32) -> Character? {
        text(of: "/proc/\(pid)/stat")?.split(separator: ")").last?.dropFirst().first
    }

    static func isAlive(_ pid: Int32) -> Bool {
        guard let state = state(of: pid) else { return false }
        return state != "Z" && state != "X"
    }

    /// What this process has open.
    static func ownDescriptors() -> [String] {
        names(in: "/proc/self/fd").compactMap { number in
            var target = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(number)", &target, target.count)
            // The directory that is being read is open too.
            guard count > 0 else { return nil }
            let name = String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return name.hasPrefix("/proc/") ? nil : name
        }.sorted()
    }

    static func ownThreads() -> [String] {
        names(in: "/proc/self/task").compactMap { text(of: "/proc/self/task/\($0)/comm").map { String($0.dropLast()) } }
            .sorted()
    }

    /// Resident memory of this process that no file holds, in bytes, after what is free has been given back.
    static func ownMemory() -> Int {
        cf_return_free_memory()
        let line = (text(of: "/proc/self/status") ?? "").split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return (line?.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }
}

/// Something that the environment of all processes of the pool has, and no other's.
struct Mark {
    static let variable = "CHAOS_MARK"
    /// Names the fork server under which a process was started that a task left.
    static let keeperVariable = "CHAOS_KEEPER"

    let value = "\(getpid())-\(UInt64.random(in: 0 ... .max))"

    struct Bearer {
        let pid: Int32
        let name: String
        let keeper: Int32?
    }

    /// All processes that have it.
    func bearers() -> [Bearer] {
        Processes.names(in: "/proc").compactMap { Int32($0) }.compactMap { pid in
            guard let bytes = Processes.bytes(of: "/proc/\(pid)/environ"), !bytes.isEmpty else { return nil }
            let variables = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            guard variables.contains("\(Self.variable)=\(value)") else { return nil }
            let keeper = variables.lazy.compactMap { variable in
                variable.hasPrefix(Self.keeperVariable + "=")
                    ? Int32(variable.dropFirst(Self.keeperVariable.count + 1)) : nil
            }.first
            return Bearer(pid: pid, name: Processes.name(of: pid) ?? "", keeper: keeper)
        }
    }
}
