import Glibc

/// What the figures were got on.
struct Machine {
    private var lines: [(String, String)]

    /// - Parameter peers: their versions by their names.
    init(peers: [String: String]) {
        var system = utsname()
        uname(&system)
        let kernel = withUnsafeBytes(of: system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        lines = [
            ("date", Self.today),
            ("machine", "\(Self.processors) × \(Self.model), \(Self.memory)"),
            ("system", "Linux \(kernel), \(Self.libc)"),
            ("Swift", Self.swiftVersion),
        ]
        if !peers.isEmpty {
            lines.append(
                ("peers", peers.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
            )
        }
    }

    var text: String {
        lines.map { "\($0.0): \($0.1)" }.joined(separator: "\n")
    }

    var markdown: String {
        lines.map { "- \($0.0): \($0.1)" }.joined(separator: "\n")
    }

    private static var processors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

    private static var memory: String {
        "\((sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))) >> 30) GiB"
    }

    private static var libc: String {
        var text = [CChar](repeating: 0, count: 64)
        let count = confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count)
        return String(decoding: text[..<max(0, count - 1)].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static var model: String {
        for line in ProcessFacts.lines(of: "/proc/cpuinfo") where line.hasPrefix("model name") {
            return line.drop { $0 != ":" }.dropFirst().drop { $0 == " " }.description
        }
        return "unknown processor"
    }

    /// That of the compiler that is found now; this was most likely built by it.
    private static var swiftVersion: String {
        let output = (try? ChildProcess.run(["swift", "--version"], timeout: 30)) ?? ""
        let words = output.split(whereSeparator: \.isWhitespace)
        guard let index = words.firstIndex(of: "version"), index + 1 < words.count else { return "unknown version" }
        return String(words[index + 1])
    }

    private static var today: String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y-%m-%d", &parts)
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
