/// What tools call a thread, or a process, which has the name of its first one.
struct ThreadName: Sendable, ExpressibleByStringLiteral {
    /// Ends with a zero. Made once and not where the thread is started, which may be in a process that was just forked.
    let cString: [CChar]

    /// The system takes so many bytes; a longer name would be refused as a whole.
    private static let longest = 15

    /// The name and what distinguishes it, cut so that the system takes it and the end is still there.
    init(_ name: String, suffix: String = "") {
        var name = name
        while name.utf8.count + suffix.utf8.count > Self.longest, !name.isEmpty { name.removeLast() }
        cString = Array((name + suffix).utf8CString)
    }

    init(stringLiteral name: String) {
        self.init(name)
    }
}
