import Glibc
import Synchronization

/// The program that runs now; 0 if none does.
private let current = Atomic<pid_t>(0)

/// A program that is run, and what it wrote.
enum ChildProcess {
    /// Has the program that runs end with this one when that is interrupted: it is in a group of its own, of which a terminal knows nothing.
    static func endWithThisOne() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                let pid = current.load(ordering: .relaxed)
                if pid > 0 { kill(-pid, SIGKILL) }
                _exit(128 + number)
            }
        }
    }

    struct Failure: Error {
        /// In a few words.
        var reason: String
        /// All that it said.
        var standardError: String
    }

    /// Runs a program until it ends, and ends whatever it has left.
    ///
    /// While it runs nothing of this process does: it would take time from what is measured.
    ///
    /// - Parameters:
    ///   - environment: what is set beside what this process has; `nil` takes a variable away.
    ///   - timeout: how long it may take before it is killed, in seconds.
    /// - Returns: what it wrote to standard output.
    static func run(
        _ arguments: [String],
        environment: [String: String?] = [:],
        timeout: Int
    ) throws(Failure) -> String {
        guard let output = tmpfile(), let errors = tmpfile() else {
            throw Failure(reason: "no temporary files", standardError: "")
        }
        defer {
            fclose(output)
            fclose(errors)
        }
        for file in [output, errors] { _ = fcntl(fileno(file), F_SETFD, FD_CLOEXEC) }
        let pid = try spawn(arguments, environment, output: fileno(output), errors: fileno(errors))
        let (status, isLate) = wait(for: pid, timeout: timeout)
        let said = contents(of: errors)
        if isLate { throw Failure(reason: "not done within \(timeout) s", standardError: said) }
        guard status == 0 else {
            let last = said.split(separator: "\n").last.map { String($0.prefix(100)) }
            throw Failure(reason: last ?? "ended with status \(status)", standardError: said)
        }
        return contents(of: output)
    }

    private static func spawn(
        _ arguments: [String],
        _ environment: [String: String?],
        output: Int32,
        errors: Int32
    ) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, so that what it has started can be ended with it.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        // Threads of Swift's runtime take no signals, and a process would inherit that: Python's fork server then waits for ever.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)

        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = variables(with: environment).map { strdup($0) } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let error = posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        guard error == 0 else {
            throw Failure(reason: "\(arguments[0]): \(String(cString: strerror(error)))", standardError: "")
        }
        return pid
    }

    private static func variables(with changes: [String: String?]) -> [String] {
        var result: [String] = []
        var variable = environ
        while let pointer = variable.pointee {
            let text = String(cString: pointer)
            let name = String(text.prefix { $0 != "=" })
            if !changes.keys.contains(name) { result.append(text) }
            variable += 1
        }
        for case (let name, let value?) in changes { result.append("\(name)=\(value)") }
        return result
    }

    private static func wait(for pid: pid_t, timeout: Int) -> (status: Int32, isLate: Bool) {
        current.store(pid, ordering: .relaxed)
        let progress = Progress()
        let watch = Task.detached {
            try? await Task.sleep(for: .seconds(timeout))
            progress.kill(pid)
        }
        var information = siginfo_t()
        // It stays there as long as it is not reaped, and so does its number, which is also that of its group.
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        let isLate = progress.end()
        watch.cancel()
        kill(-pid, SIGKILL)
        current.store(0, ordering: .relaxed)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        return (status, isLate)
    }

    /// Whether it may still be killed: after it was reaped its number may be another's.
    private final class Progress: Sendable {
        private let state = Mutex((hasEnded: false, wasKilled: false))

        func kill(_ pid: pid_t) {
            state.withLock { state in
                guard !state.hasEnded else { return }
                state.wasKilled = true
                Glibc.kill(-pid, SIGKILL)
            }
        }

        /// - Returns: whether it was killed.
        func end() -> Bool {
            state.withLock { state in
                state.hasEnded = true
                return state.wasKilled
            }
        }
    }

    private static func contents(of file: UnsafeMutablePointer<FILE>) -> String {
        rewind(file)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
