import CSystemShims
import Foundation
import Testing

@testable import ConcurrentFutures

private enum RelayWork {
    /// Has a relay of which the system gives no thread.
    ///
    /// - Returns: how many descriptors are left of its attempt.
    static func makeTapInVain() throws -> Int {
        ShortageWork.becomeAnotherUser()
        let relay = try StandardErrorRelay()
        lowerLimit(__RLIMIT_NPROC, to: 0)
        let before = openCount
        guard (try? relay.makeTap()) == nil else { throw PoolError(.brokenPool, "there was a thread") }
        return openCount - before
    }

    private static var openCount: Int { (Int32(0)..<1024).count { cf_is_open($0) != 0 } }

    /// Has a relay whose standard error is a pipe that is read slowly.
    ///
    /// - Returns: how many seconds its end takes.
    static func closeBeforeSlowReader() throws -> Double {
        let (reading, writing) = try makePipe()
        dup2(writing.number, 2)
        try SystemThread.start(name: "reader") {
            while true {
                usleep(100_000)
                var bytes = [UInt8](repeating: 0, count: 1024)
                _ = read(reading.number, &bytes, bytes.count)
            }
        }
        // More than what the two pipes hold, so that the relay has begun.
        return try closeBusyRelay(lineCount: 140)
    }

    /// Has a relay whose standard error is a terminal that can be written to, but not so much.
    static func closeBeforeNobody() throws -> Double {
        let (setLock, openPeer): (UInt, UInt) = (0x4004_5431, 0x5441)  // TIOCSPTLCK, TIOCGPTPEER
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var isLocked: Int32 = 0
        guard ioctl(terminal, setLock, &isLocked) == 0 else { throw PoolError(.brokenPool, "there is no terminal") }
        dup2(ioctl(terminal, openPeer, O_RDWR | O_NOCTTY), 2)
        return try closeBusyRelay(lineCount: 60)
    }

    private static func closeBusyRelay(lineCount: Int) throws -> Double {
        let relay = try StandardErrorRelay()
        let (tap, writing) = try relay.makeTap()
        let line = [UInt8](repeating: UInt8(ascii: "."), count: 1023) + [UInt8(ascii: "\n")]
        for _ in 0..<lineCount { _ = write(writing.number, line, line.count) }
        let start = ContinuousClock.now
        relay.close()
        return withExtendedLifetime(tap) { (ContinuousClock.now - start) / .seconds(1) }
    }
}

// In workers, because it is the process's own standard error, and its own threads.

@Suite("The relay of standard errors", .fewAtOnce, .timeLimit(.minutes(5)))
struct StandardErrorRelayTests {
    @Test("keeps nothing of a worker that it could not begin to follow")
    func noThread() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(RelayWork.makeTapInVain) == 0)
        }
    }

    @Test("ends soon although what it has is read slowly")
    func slowReader() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(RelayWork.closeBeforeSlowReader) < 3)
        }
    }

    @Test("ends although what it writes is never read")
    func noReader() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(RelayWork.closeBeforeNobody, timeout: .seconds(60)) < 3)
        }
    }
}
