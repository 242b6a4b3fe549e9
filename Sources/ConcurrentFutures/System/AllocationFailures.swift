import CSystemShims
import Glibc
import Synchronization

/// Notes that this process dies because it was refused memory.
///
/// Whoever is refused memory does not say so reliably: Swift's runtime prints a sentence for big arrays, but for a small object runs
/// out of its stack while it makes one; Foundation traps without a word, and C code writes to a null pointer. What all have in common is that
/// the allocator has left `ENOMEM` in the thread's `errno` just before. So a handler looks at it in the thread that gets a fatal signal, and
/// the process then dies as it would have. Seen with arrays, strings, dictionaries, `Data`, `malloc` and C++'s `new`, in debug and
/// release: `errno` was `ENOMEM` each time, and never after other traps.
enum AllocationFailures {
    /// What the signals of a crash are; not those that only somebody else sends.
    static let fatalSignals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE]
    /// Enough for a handler that does next to nothing, and for what the system saves.
    private static let stackSize = 64 * 1024

    /// - Parameter note: set before the process dies, in memory that others can read. It must stay mapped for good.
    static func watch(_ note: UnsafeMutablePointer<UInt64>) {
        noteOfFailure.store(UInt(bitPattern: note), ordering: .relaxed)
        for signal in fatalSignals {
            sigaction(signal, nil, earlierActions + Int(signal))
            var action = sigaction()
            action.__sigaction_handler.sa_sigaction = { signal, information, _ in
                let error = errno
                if error == ENOMEM,
                    let note = UnsafeMutablePointer<UInt64>(bitPattern: noteOfFailure.load(ordering: .relaxed))
                {
                    note.pointee = 1
                }
                sigaction(signal, earlierActions + Int(signal), nil)
                // A fault comes again by itself when this returns; what was sent does not.
                if let code = information?.pointee.si_code, code <= 0 { raise(signal) }
                errno = error
            }
            action.sa_flags = SA_SIGINFO | SA_ONSTACK
            sigaction(signal, &action, nil)
        }
    }

    /// Lets the handler run on a stack of its own when this thread's is full.
    static func prepareThread() {
        var stack = stack_t()
        stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: stackSize, alignment: 16)
        stack.ss_size = stackSize
        sigaltstack(&stack, nil)
    }

    /// Forgets what was refused to an earlier task.
    static func forget() {
        errno = 0
    }
}

/// The address of what the handler sets: a handler can be given nothing else than a global variable.
private let noteOfFailure = Atomic<UInt>(0)

/// What a signal did before, by its number; for the handler too. Never freed.
nonisolated(unsafe) private let earlierActions = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)
