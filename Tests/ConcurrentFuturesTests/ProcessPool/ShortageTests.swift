import Foundation
import Testing

@testable import ConcurrentFutures

// What wants for something is a worker of the test's own pool, so that no other test does.

@Suite("Where the system has no more to give", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct ShortageTests {
    @Test(
        "a host that cannot take a result in fails that task alone, and blames no worker",
        arguments: Hoard.Kind.allCases
    )
    func lostResult(kind: Hoard.Kind) async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let seen = try await pool.run(ShortageWork.loseResult, kind)
            #expect(seen.code == .resourcesExhausted, "\(seen.error)")
            #expect(seen.error.contains(kind == .descriptors ? "Too many open files" : "Cannot allocate memory"))
            #expect(seen.isSameWorker && seen.nextCount == 32 << 20)
        }
    }

    @Test("a worker for whose handle its host has no room can still be asked to end")
    func lostHandle() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ShortageWork.terminateWithoutHandle) == SIGTERM)
        }
    }

    @Test("more big arguments than there can be descriptors all arrive")
    func manyArguments() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ShortageWork.sendMany, 1000) == ["100000", "1000"])
        }
    }

    @Test("an argument for whose file there is no room is sent later, as long as something is in flight")
    func laterArgument() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ShortageWork.sendLater, gate) == [0, 100_000])
        }
    }

    @Test("an argument for whose file there is no room fails if there will be none")
    func argumentInVain() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let error = try #require(try await pool.run(ShortageWork.sendInVain))
            #expect(error.code == .resourcesExhausted && error.message.contains("Too many open files"))
        }
    }

    @Test("a pool that cannot start more workers works on and says so once, and starts them as soon as it can")
    func fewerWorkers() async throws {
        let directory = try TemporaryDirectory()
        let gate = FileGate(in: directory)
        let words = directory.file("words")
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let outcome = await pool.submit(ShortageWork.workOnWithFewer, gate, words).result
            let said = try String(contentsOfFile: words, encoding: .utf8)
            #expect(outcome.error == nil, "\(said)")
            #expect(said.contains("the pool works on with 1 of 2 workers"), "\(said)")
            #expect(said.contains("Too many open files"), "\(said)")
            #expect(said.split(separator: "\n").count == 1, "\(said)")
        }
    }

    @Test("results wait in their worker while its user has too many files under way")
    func manyResults() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            #expect(try await pool.run(ShortageWork.answerMany, 200) == [200, 0])
        }
    }

    @Test("a message that comes without all of its descriptors says so, and none of them is kept")
    func shortMessage() async throws {
        try await withProcessPool(maxWorkers: 1) { pool async throws in
            let message = try await pool.run(ShortageWork.receiveWithoutRoom)
            #expect(message.bytes == [7] && !message.isComplete && message.keepsNone)
        }
    }
}
