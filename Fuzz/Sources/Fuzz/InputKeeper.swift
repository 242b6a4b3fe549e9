import Glibc

/// Keeps inputs in files of the current directory: those of which there is something to say, and the one that ends this
/// process.
///
/// To write each input to a file before it is read would take longer than to read it. So the one that is being read is
/// written by a handler of the signals that end a process.
enum InputKeeper {
    // For the handler, which may do no more than make system calls. There is one thread.
    nonisolated(unsafe) private static var path: UnsafeMutablePointer<CChar>?
    nonisolated(unsafe) private static var current: UnsafeRawBufferPointer?
    nonisolated(unsafe) private static let earlier = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)

    private static let fatalSignals = [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM]

    /// From here on the input that is being read is kept if the process ends of it.
    ///
    /// - Parameter name: of the file.
    static func watch(keepingAs name: String) {
        free(path)
        path = strdup(name)
        // Where a recursion without end has used up the stack, there is still this one.
        let size = 64 * 1024
        var stack = stack_t(ss_sp: malloc(size), ss_flags: 0, ss_size: size)
        sigaltstack(&stack, nil)
        var action = sigaction()
        action.sa_flags = SA_ONSTACK
        action.__sigaction_handler.sa_handler = { signal in
            if let input = InputKeeper.current, let path = InputKeeper.path { InputKeeper.write(input, to: path) }
            // What there was before, such as Swift's report of a crash, has its turn when this returns.
            sigaction(signal, InputKeeper.earlier + Int(signal), nil)
            raise(signal)
        }
        for signal in fatalSignals { sigaction(signal, &action, earlier + Int(signal)) }
    }

    static func reading<Result>(_ input: UnsafeRawBufferPointer, _ body: () -> Result) -> Result {
        current = input
        defer { current = nil }
        return body()
    }

    static func keep(_ input: [UInt8], as name: String) {
        input.withUnsafeBytes { write($0, to: name) }
    }

    private static func write(_ input: UnsafeRawBufferPointer, to path: UnsafePointer<CChar>) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard file >= 0 else { return }
        _ = Glibc.write(file, input.baseAddress, input.count)
        close(file)
    }
}
