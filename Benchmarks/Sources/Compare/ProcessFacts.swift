import Glibc

/// What the system says of processes.
enum ProcessFacts {
    static func lines(of path: String) -> [Substring] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    private static func numbers(in directory: String) -> [Int32] {
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var numbers: [Int32] = []
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name) { numbers.append(number) }
        }
        return numbers
    }

    /// The numbers of all processes that come from this one.
    static func descendants() -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for pid in numbers(in: "/proc") {
            // The name stands in parentheses and may hold anything.
            guard let line = lines(of: "/proc/\(pid)/stat").first, let end = line.lastIndex(of: ")") else { continue }
            let fields = line[line.index(after: end)...].split(separator: " ")
            if let parent = Int32(fields[1]) { children[parent, default: []].append(pid) }
        }
        var found: [Int32] = []
        var waiting = [getpid()]
        while let pid = waiting.popLast() {
            let new = children[pid] ?? []
            found += new
            waiting += new
        }
        return found
    }

    /// How often each thread was given a processor or lost it, by its number.
    static func contextSwitches(of pids: [Int32]) -> [Int32: Int] {
        var counts: [Int32: Int] = [:]
        for pid in pids {
            for thread in numbers(in: "/proc/\(pid)/task") {
                let lines = lines(of: "/proc/\(pid)/task/\(thread)/status").filter {
                    $0.hasPrefix("voluntary_ctxt_switches") || $0.hasPrefix("nonvoluntary_ctxt_switches")
                }
                guard !lines.isEmpty else { continue }
                counts[thread] = lines.map(lastNumber).reduce(0, +)
            }
        }
        return counts
    }

    /// The number of the thread that asks.
    static var ownThread: Int32? {
        var path = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/thread-self", &path, path.count)
        let text = String(decoding: path[..<max(0, count)].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.split(separator: "/").last.flatMap { Int32($0) }
    }

    static func residentBytes() -> Int {
        let fields = lines(of: "/proc/self/statm")[0].split(separator: " ")
        return Int(fields[1])! * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Memory that is a process's alone.
    static func privateBytes(of pid: Int32) -> Int {
        lines(of: "/proc/\(pid)/smaps_rollup").filter { $0.hasPrefix("Private_") }.map { line in
            1024 * lastNumber(line)
        }.reduce(0, +)
    }

    /// The number in a line like `Private_Dirty:       96 kB`.
    private static func lastNumber(_ line: Substring) -> Int {
        line.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.last ?? 0
    }
}
