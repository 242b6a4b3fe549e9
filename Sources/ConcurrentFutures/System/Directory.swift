import Glibc

/// Directories, and the one that a process works in.
enum Directory {
    /// The absolute path, as seen from this process's working directory.
    static func absolutePath(of path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }

    /// - Throws: ``SystemError`` if it is not a directory that a process of this user can work in.
    static func checkUsable(_ path: String) throws(SystemError) {
        guard !path.isEmpty, !path.contains("\0") else { throw SystemError("access", number: ENOENT) }
        // With the slash at its end a file that is no directory is refused.
        try retrying("access") { access(path + "/", X_OK) }
    }

    /// Makes it the directory that this process works in.
    static func change(to path: String) throws(SystemError) {
        try retrying("chdir") { chdir(path) }
    }
}
