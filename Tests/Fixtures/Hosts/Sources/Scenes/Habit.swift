import Glibc
import Synchronization

/// What a program does with the signals and the deaths that a pool causes in it, besides nothing.
enum Habit: String, CaseIterable {
    case ordinary
    case ignoresDeaths = "ignores-deaths"
    case reapsInHandler = "reaps-in-handler"
    case reapsInThread = "reaps-in-thread"
    case ignoresBrokenPipes = "ignores-broken-pipes"
    /// Nobody reads its standard error, and a signal that tells of it would end it.
    case isUnread = "is-unread"

    /// Whether it takes leave of every child that it has, whoever has started that.
    var reapsAll: Bool { self == .reapsInHandler || self == .reapsInThread }

    func begin() {
        // Whoever has started this program may ignore it.
        signal(SIGPIPE, SIG_DFL)
        switch self {
        case .ordinary: break
        case .ignoresDeaths: signal(SIGCHLD, SIG_IGN)
        case .reapsInHandler: Deaths.reapInHandler()
        case .reapsInThread: Deaths.reapInThread()
        case .ignoresBrokenPipes: signal(SIGPIPE, SIG_IGN)
        case .isUnread:
            var ends: [Int32] = [-1, -1]
            pipe(&ends)
            dup2(ends[1], 2)
            close(ends[0])
            close(ends[1])
        }
    }
}

/// The deaths of children that this program notices by taking leave of all of them.
enum Deaths {
    /// What the child ends with that the program itself starts.
    static let codeOfOwnChild: Int32 = 57

    private static let ownDeaths = Atomic<Int>(0)

    /// How often a child ended with that code.
    static var ofOwnChild: Int { ownDeaths.load(ordering: .sequentiallyConsistent) }

    private static func note(_ status: Int32) {
        if status == codeOfOwnChild << 8 { ownDeaths.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    }

    static func reapInHandler() {
        // What the handler touches exists before.
        note(0)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in
            let error = errno
            var status: Int32 = 0
            while waitpid(-1, &status, WNOHANG) > 0 { Deaths.note(status) }
            errno = error
        }
        // Without SA_RESTART: whatever a thread waits in is interrupted.
        sigaction(SIGCHLD, &action, nil)
    }

    static func reapInThread() {
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { _ in
                var status: Int32 = 0
                while true {
                    if waitpid(-1, &status, 0) > 0 { Deaths.note(status) } else { usleep(1000) }
                }
            },
            nil
        )
    }
}
