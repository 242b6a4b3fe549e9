import Glibc
import Testing

@testable import ConcurrentFutures

@Suite("What a worker does that finds no request")
struct RequestWaitTests {
    private func steps(_ wait: inout RequestWait) -> (looks: Int, naps: Int) {
        var (looks, naps) = (0, 0)
        while true {
            switch wait.nextStep() {
            case .look: looks += 1
            case .nap: naps += 1
            case .sleep: return (looks, naps)
            }
        }
    }

    @Test("is to look and then to sleep behind what is urgent, and to nap before it sleeps behind what is not")
    func order() {
        var wait = RequestWait()
        #expect(steps(&wait) == (AdaptiveWait.first - 1, 0))
        wait.slept(nanoseconds: 1_000_000)
        wait.found()
        wait.took(mayNap: true)
        #expect(steps(&wait) == (0, RequestWait.mostNaps))
        #expect(steps(&wait) == (0, 0), "it has napped enough until there is a request")
        wait.found()
        #expect(steps(&wait) == (0, RequestWait.mostNaps))
        wait.found()
        wait.took(mayNap: false)
        #expect(steps(&wait) == (AdaptiveWait.first / 2 - 1, 0))
    }
}

@Suite("A worker that finds no request", .fewAtOnce, .timeLimit(.minutes(2)))
struct WorkerRestTests {
    /// Both ends of a channel, and a thread that answers what comes.
    private final class Channel: @unchecked Sendable {
        let host: RingChannel
        private let worker: RingTaskChannel
        private let control: MemoryMapping

        init() throws {
            let (host, end) = try RingChannel.make(bell: Doorbell())
            self.host = host
            worker = try RingTaskChannel(end)
            control = try end.mapControl()
            try SystemThread.start(name: "rest") { [worker] in
                try! worker.reply(.ready, sequence: 0, lateness: .none, payload: .none)
                while let request = worker.nextRequest(define: { _, _ in }) {
                    try! worker.reply(
                        .outcome,
                        sequence: request.header.sequence,
                        lateness: .none,
                        payload: .none
                    )
                }
            }
        }

        var rest: WorkerRest { WorkerRest(rawValue: ControlBlock(at: control.base).workerRest.load())! }

        func send(isUrgent: Bool) throws {
            try host.send(.ofOneByte(isUrgent: isUrgent))
        }

        /// Whether all that was sent is answered.
        func takesAnswers() throws -> Bool {
            try host.receive(atMost: .max) { if $0.kind == .outcome { host.finishOldest() } }
            return host.inFlightCount == 0
        }

        /// Sends a request to the worker that sleeps, and looks what that does when it has answered, until it sleeps again.
        ///
        /// - Returns: whether it was seen to nap.
        func sendToSleeper(isUrgent: Bool) async throws -> Bool {
            #expect(await becomesTrue { rest == .sleep })
            try send(isUrgent: isUrgent)
            #expect(host.needsWaking(isUrgent: isUrgent), "one that sleeps is woken for whatever comes")
            host.wake()
            var hasNapped = false
            let deadline = ContinuousClock.now + testBound
            while try !takesAnswers() || rest != .sleep {
                hasNapped = rest == .nap || hasNapped
                guard .now < deadline else { throw PoolError(.timedOut, "it does not answer, or does not sleep") }
            }
            return hasNapped
        }

        /// Sends a request to the worker that naps behind another one, and wakes it only if that is asked for.
        ///
        /// - Returns: whether it was not.
        func sendIntoNap() async throws -> Bool {
            #expect(await becomesTrue { rest == .sleep })
            try send(isUrgent: false)
            if host.needsWaking(isUrgent: false) { host.wake() }
            var looks = 0
            while rest != .nap, looks < 100_000 { looks += 1 }
            try send(isUrgent: false)
            let isLeft = !host.needsWaking(isUrgent: false)
            if !isLeft { host.wake() }
            let isAnswered = try await becomesTrue { try takesAnswers() }
            #expect(isAnswered)
            return isLeft
        }

        deinit {
            try? host.sendStop()
            if host.needsWaking(isUrgent: true) { host.wake() }
        }
    }

    @Test("naps behind one that is not urgent, and never behind one that is")
    func naps() async throws {
        let channel = try Channel()
        for _ in 0..<100 { #expect(try await !channel.sendToSleeper(isUrgent: true)) }
        // This thread may be kept from looking for all of its naps.
        let hasNapped = try await becomesTrueInTurns { try await channel.sendToSleeper(isUrgent: false) }
        #expect(hasNapped)
    }

    @Test("takes what is sent while it naps without being woken")
    func requestsDuringNaps() async throws {
        let channel = try Channel()
        var hits = 0
        // Else a nap was over before anything was sent.
        let hasHit = try await becomesTrueInTurns {
            if try await channel.sendIntoNap() { hits += 1 }
            return hits == 20
        }
        #expect(hasHit)
    }

    @Test("is woken from a nap for what is urgent alone, and from its sleep for either, once")
    func waking() throws {
        let (channel, end) = try RingChannel.make(bell: Doorbell())
        let mapping = try end.mapControl()
        withExtendedLifetime(mapping) {
            let rest = ControlBlock(at: mapping.base).workerRest
            #expect(!channel.needsWaking(isUrgent: true))
            rest.note(WorkerRest.nap.rawValue)
            #expect(!channel.needsWaking(isUrgent: false))
            #expect(rest.load() == WorkerRest.nap.rawValue, "it naps on, and whoever comes next is to see it")
            #expect(channel.needsWaking(isUrgent: true))
            #expect(!channel.needsWaking(isUrgent: true))
            for isUrgent in [true, false] {
                rest.note(WorkerRest.sleep.rawValue)
                #expect(channel.needsWaking(isUrgent: isUrgent))
                #expect(!channel.needsWaking(isUrgent: isUrgent))
            }
        }
    }
}

/// As ``becomesTrue(within:_:)`` does, of what has to wait itself.
private func becomesTrueInTurns(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + testBound
    while try await !condition() {
        guard .now < deadline else { return false }
    }
    return true
}

@Suite("Tasks that nobody waits for", .fewAtOnce, .timeLimit(.minutes(5)))
struct UnhurriedTaskTests {
    private static func negate(_ number: Int) -> Int { -number }

    // A worker that misses one is killed after some seconds, and the task runs elsewhere.
    @Test("end all the same, whenever they come, and by the workers that were there")
    func pauses() async throws {
        try await withProcessPool(maxWorkers: 2, minWorkers: 2) { pool async throws in
            // Workers nap only once they have been seen to be quick; in a debug build on a busy machine they may never be.
            let end = ContinuousClock.now + .seconds(5)
            repeat {
                let many = (0..<4 * Urgency.many).map { pool.submit(Self.negate, $0) }
                #expect(await becomesTrue { many.allSatisfy(\.isDone) })
            } while !naps(pool) && .now < end
            let forkServer = try #require(pool.forkServerPid)
            #expect(await becomesTrue { ProcessWork.children(of: forkServer).count == 2 })
            let workers = Set(ProcessWork.children(of: forkServer))
            for round in 0..<400 {
                // From no pause to one that outlasts all naps.
                usleep(UInt32(round % 100) * 3)
                let future = pool.submit(Self.negate, round)
                guard round.isMultiple(of: 10) else { continue }
                #expect(await becomesTrue { future.isDone })
                #expect(try await future.value == -round)
            }
            let last = pool.submit(Self.negate, 1)
            #expect(await becomesTrue { last.isDone })
            #expect(Set(ProcessWork.children(of: forkServer)) == workers)
        }
    }

    /// Whether the pool's workers are to nap behind what comes now.
    private func naps(_ pool: ProcessPoolExecutor) -> Bool {
        pool.driver.withCore { core, _ in
            let urgency = core.urgency
            return core.machine.workers.elements.allSatisfy {
                !urgency.isUrgent(backlog: 0, depth: $0.element.depth)
            }
        }
    }
}
