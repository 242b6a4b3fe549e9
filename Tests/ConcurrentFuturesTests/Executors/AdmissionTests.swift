import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite(.timeLimit(.minutes(5)), .timeLimit(.minutes(5))) struct AdmissionTests {
    /// Starts one that waits, and returns when it does.
    private func waiting(
        for admission: Admission,
        _ ticket: Admission.Ticket = Admission.Ticket()
    ) async -> Task<Bool, any Error> {
        let count = admission.waiterCount
        let task = Task { try await admission.enter(ticket) }
        #expect(await becomesTrue { admission.waiterCount == count + 1 })
        return task
    }

    @Test("no more enter than there are places")
    func count() {
        let admission = Admission(maxCount: 2, maxBytes: nil)
        #expect(admission.tryEnter() && admission.tryEnter())
        #expect(!admission.tryEnter())
        admission.leave()
        #expect(admission.tryEnter())
        #expect(!admission.tryEnter())
    }

    @Test("one more enters while the bytes are below their limit, however big it is")
    func bytes() {
        let admission = Admission(maxCount: nil, maxBytes: 100)
        #expect(admission.tryEnter())
        admission.add(bytes: 99)
        #expect(admission.tryEnter())
        admission.add(bytes: 5000)
        #expect(!admission.tryEnter())
        admission.leave(bytes: 99)
        #expect(!admission.tryEnter())
        admission.leave(bytes: 5000)
        #expect(admission.tryEnter())
    }

    @Test("a task may end before its size is said")
    func leaveBeforeAdd() {
        let admission = Admission(maxCount: nil, maxBytes: 100)
        #expect(admission.tryEnter())
        admission.leave(bytes: 70)
        admission.add(bytes: 70)
        #expect(admission.tryEnter())
        admission.add(bytes: 100)
        #expect(!admission.tryEnter())
    }

    @Test("those who wait enter in the order in which they came, and nobody overtakes")
    func order() async throws {
        let admission = Admission(maxCount: 1, maxBytes: nil)
        #expect(admission.tryEnter())
        let first = await waiting(for: admission)
        let second = await waiting(for: admission)
        admission.leave()
        #expect(!admission.tryEnter())
        let firstHasPlace = try await first.value
        #expect(firstHasPlace)
        #expect(admission.waiterCount == 1)
        admission.leave()
        let secondHasPlace = try await second.value
        #expect(secondHasPlace)
        #expect(!admission.tryEnter())
    }

    @Test("one who leaves many bytes lets in as many as there are places")
    func severalAtOnce() async throws {
        let admission = Admission(maxCount: 3, maxBytes: 10)
        #expect(admission.tryEnter())
        admission.add(bytes: 10)
        var tasks: [Task<Bool, any Error>] = []
        for _ in 0..<4 { tasks.append(await waiting(for: admission)) }
        admission.leave(bytes: 10)
        #expect(admission.waiterCount == 1)
        for task in tasks.prefix(3) { #expect(try await task.value) }
        admission.leave()
        #expect(try await tasks[3].value)
    }

    @Test("one whose task is cancelled stops waiting and takes no place")
    func cancelled() async throws {
        let admission = Admission(maxCount: 1, maxBytes: nil)
        #expect(admission.tryEnter())
        let first = await waiting(for: admission)
        let second = await waiting(for: admission)
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        admission.leave()
        #expect(try await second.value)
        admission.leave()
        let alreadyCancelled = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            _ = try await admission.enter(Admission.Ticket())
            _ = try await admission.enter(Admission.Ticket())
        }
        await #expect(throws: CancellationError.self) { try await alreadyCancelled.value }
        #expect(!admission.tryEnter())
        admission.leave()
        #expect(admission.tryEnter())
    }

    @Test("one whose ticket is withdrawn stops waiting, also if that comes first")
    func withdrawn() async throws {
        let admission = Admission(maxCount: 1, maxBytes: nil)
        #expect(admission.tryEnter())
        let ticket = Admission.Ticket()
        let task = await waiting(for: admission, ticket)
        admission.withdraw(ticket)
        let hasPlace = try await task.value
        #expect(!hasPlace)
        let late = Admission.Ticket()
        admission.withdraw(late)
        let lateHasPlace = try await admission.enter(late)
        #expect(!lateHasPlace)
        admission.leave()
        #expect(admission.tryEnter())
    }

    @Test("once it is closed everybody enters, and those who waited have done so")
    func closed() async throws {
        let admission = Admission(maxCount: 1, maxBytes: 1)
        #expect(admission.tryEnter())
        admission.add(bytes: 5)
        let task = await waiting(for: admission)
        admission.close()
        #expect(try await task.value)
        #expect(admission.tryEnter())
        #expect(try await admission.enter(Admission.Ticket()))
    }

    @Test("many that enter, wait, give up and leave never exceed the limits, and leave nothing behind")
    func stress() async throws {
        let limit = 3
        let admission = Admission(maxCount: limit, maxBytes: 1000)
        let inside = Tally()
        let most = Tally()
        let entered = Tally()
        let cancelled = Tally()
        await withTaskGroup { group in
            for worker in 0..<16 {
                group.addTask {
                    for round in 0..<500 {
                        let ticket = Admission.Ticket()
                        let call = Task {
                            guard try await admission.enter(ticket) else { return }
                            let now = inside.add()
                            most.raise(to: now)
                            entered.add()
                            let bytes = (worker * 100 + round) % 600
                            if round % 2 == 0 { admission.add(bytes: bytes) }
                            await Task.yield()
                            inside.add(-1)
                            admission.leave(bytes: bytes)
                            if round % 2 == 1 { admission.add(bytes: bytes) }
                        }
                        if round % 5 == 1 { call.cancel() }
                        if round % 5 == 2 { admission.withdraw(ticket) }
                        if case .failure = await call.result { cancelled.add() }
                    }
                }
            }
        }
        #expect((1...limit).contains(most.value))
        #expect(entered.value >= 16 * 300)
        #expect(entered.value + cancelled.value <= 16 * 500)
        #expect(admission.waiterCount == 0)
        for _ in 0..<limit { #expect(admission.tryEnter()) }
        #expect(!admission.tryEnter())
    }
}
