import CSystemShims
import Glibc

/// Starting this program once more, with the library instead of its `main`.
///
/// The start-up hook in `CSystemShims` recognises the new process by a variable of its environment and a token that waits in the
/// socket which the variable names.
enum OwnProgram {
    /// Why a new process of this program would run the program's own `main` again, and make one more process in its turn; `nil` if it
    /// would not.
    static var obstacle: String? {
        if cf_start_hook_ran() == 0 {
            return """
                this program was not linked with ConcurrentFutures but loaded it while running, or is linked statically as a \
                whole, so that a new process of it would run its main; link it dynamically with the library, or use a \
                ThreadPoolExecutor
                """
        }
        if cf_environment_is_distrusted() != 0 {
            return """
                this program runs with other rights than those of its user (set-user-ID, set-group-ID or capabilities of its \
                file), so that a new process of it would ignore what this one tells it; use a ThreadPoolExecutor
                """
        }
        return nil
    }

    /// Tells a new process of this program that it is one.
    static let variable = "CONCURRENT_FUTURES_BOOTSTRAP"
    /// Where a process that was started, rather than replaced, finds its socket.
    private static let bootstrapNumber: Int32 = 3

    /// A socket for a new process, with the token that proves to it that it is meant. What is sent on ``socket`` from here on comes after
    /// the token.
    struct Invitation {
        /// The end that stays here.
        let socket: MessageSocket
        fileprivate let bootstrap: MessageSocket
        fileprivate let token: String

        init() throws(SystemError) {
            (socket, bootstrap) = try MessageSocket.pair()
            token = (0..<2).map { _ in String(UInt64.random(in: 1 << 60 ... .max), radix: 16) }.joined()
            try socket.send(Array(token.utf8))
        }

        /// - Parameter parent: the pid of the parent of the new process.
        fileprivate func environmentEntry(number: Int32, parent: Int32) -> String {
            "\(variable)=\(number):\(parent):\(token):\(String(cString: cf_start_hook_image()))"
        }
    }

    /// Starts this program, in a session of its own, with nothing but its standard output and error and a socket.
    ///
    /// - Parameter environment: changes to this process's environment; `nil` removes a variable.
    /// - Returns: the pid of the new process, a child of this one.
    static func start(_ invitation: Invitation, environment: [String: String?]) throws(SystemError) -> Int32 {
        var entries = inheritedEnvironment(without: Set(environment.keys).union([variable]))
        for case (let name, let value?) in environment { entries.append("\(name)=\(value)") }
        entries.append(invitation.environmentEntry(number: bootstrapNumber, parent: getpid()))

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, invitation.bootstrap.descriptor.number, bootstrapNumber)
        // Whatever else is open here must not stay open for as long as the new process lives: a pipe would never end.
        cf_spawn_close_from(&actions, bootstrapNumber + 1)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A session from the first moment: what is typed on the terminal (Ctrl-C) is for this process alone.
        let flags = Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | cf_spawn_new_session
        posix_spawnattr_setflags(&attributes, flags)

        var pid: pid_t = 0
        let result = withCStrings(entries) { environment in
            posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, CommandLine.unsafeArgv, environment)
        }
        guard result == 0 else { throw SystemError("posix_spawn(/proc/self/exe)", number: result) }
        return pid
    }

    /// Replaces this process by the program; returns only if that failed.
    ///
    /// - Parameter kept: the descriptors that it shall have besides the socket. All others are closed by exec, as all that are made
    ///   here are marked so.
    static func replaceCurrentProcess(_ invitation: Invitation, keeping kept: [Int32]) -> SystemError {
        let number = invitation.bootstrap.descriptor.number
        do {
            for number in kept + [number] {
                try retrying("fcntl(F_SETFD)") { cf_set_close_on_exec(number, 0) }
            }
        } catch {
            return error
        }
        let entry = invitation.environmentEntry(number: number, parent: getppid())
        let entries = inheritedEnvironment(without: [variable]) + [entry]
        _ = withCStrings(entries) { execve("/proc/self/exe", CommandLine.unsafeArgv, $0) }
        return SystemError("execve(/proc/self/exe)")
    }

    private static func inheritedEnvironment(without removed: Set<String>) -> [String] {
        var entries: [String] = []
        var next = cf_environment()
        while let entry = next?.pointee {
            let text = String(cString: entry)
            if !removed.contains(String(text.prefix { $0 != "=" })) { entries.append(text) }
            next = next?.successor()
        }
        return entries
    }

    private static func withCStrings<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(&pointers)
    }
}
