import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("The host's side of a fork server", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct KeeperLauncherTests {
    /// A clock that the test puts forward.
    private final class LeapingClock {
        var leap: UInt64 = 0

        func now() -> UInt64 { monotonicNanoseconds() + leap }
    }

    private let clock = LeapingClock()

    private static func settings(minWorkers: Int = 0) throws -> PoolSettings {
        try PoolSettings(
            maxWorkers: 2,
            minWorkers: minWorkers,
            startMethod: .forkServer,
            name: "test",
            options: ProcessPoolOptions()
        )
    }

    private func makeLauncher() throws -> KeeperLauncher { try KeeperLauncher(Self.settings(), clock: clock.now) }

    /// What is told first, once anything is.
    private func news(of launcher: KeeperLauncher) async throws -> [LauncherEvent] {
        var events: [LauncherEvent] = []
        let isTold = await becomesTrue {
            events = launcher.events()
            return !events.isEmpty
        }
        return try #require(isTold ? events : nil)
    }

    private func hasNews(_ launcher: KeeperLauncher) -> Bool {
        var watched = pollfd(fd: launcher.descriptor.number, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) > 0
    }

    private func isStart(of worker: WorkerID, _ events: [LauncherEvent]) -> Bool {
        guard events.count == 1, case .started(worker, _) = events[0] else { return false }
        return true
    }

    /// The workers that a pool wants at its start; the calling thread is the driver's.
    private func workersToStart(by driver: PoolDriver) -> [WorkerID] {
        let orders = driver.locked { shared in
            var aftermath = Aftermath()
            shared.core.start(&aftermath)
            return shared.core.takeOrders()
        }
        return orders.compactMap { if case .start(let id) = $0 { id } else { nil } }
    }

    @Test("a fork server that stood ready in time is no failure because nobody read that in time")
    func readyUnread() async throws {
        let launcher = try makeLauncher()
        defer { launcher.close(inHaste: true) }
        #expect(await becomesTrue { hasNews(launcher) })
        clock.leap = 60_000_000_000
        #expect(launcher.events().isEmpty)
        try launcher.launch(1, NewChannel(), standardError: nil)
        let events = try await news(of: launcher)
        #expect(isStart(of: 1, events), "\(events)")
    }

    @Test("an answer that came in time counts, whenever it is read")
    func answerUnread() async throws {
        let launcher = try makeLauncher()
        defer { launcher.close(inHaste: true) }
        try launcher.launch(1, NewChannel(), standardError: nil)
        _ = try await news(of: launcher)
        try launcher.launch(2, NewChannel(), standardError: nil)
        #expect(await becomesTrue { hasNews(launcher) })
        clock.leap = 60_000_000_000
        let events = launcher.events()
        #expect(isStart(of: 2, events), "\(events)")
    }

    @Test("time in which nobody looked is not counted as a fork server's silence")
    func bothStoodStill() async throws {
        let launcher = try makeLauncher()
        defer { launcher.close(inHaste: true) }
        try launcher.launch(1, NewChannel(), standardError: nil)
        _ = try await news(of: launcher)
        try await stopProcess(launcher.pid)
        try launcher.launch(2, NewChannel(), standardError: nil)
        kill(launcher.pid, SIGCONT)
        clock.leap = 60_000_000_000
        let events = try await news(of: launcher)
        #expect(isStart(of: 2, events), "\(events)")
    }

    @Test("one that does not go by itself is killed at once if there is haste")
    func closedInHaste() async throws {
        let launcher = try makeLauncher()
        try launcher.launch(1, NewChannel(), standardError: nil)
        _ = try await news(of: launcher)
        try await stopProcess(launcher.pid)
        let stopwatch = Stopwatch()
        launcher.close(inHaste: true)
        // Without haste it takes a second until it is looked why it does not go.
        #expect(stopwatch.elapsed < .seconds(1))
        #expect(!ProcessWork.isAlive(launcher.pid))
    }

    private func request(isLast: Bool) throws -> OutgoingRequest {
        let function = try TaskFunctionName.of(ConcurrentFutures.SyncFunction(function: Work.square))
        return OutgoingRequest(
            functionNumber: function.number,
            definition: function.definition,
            isBatch: false,
            itemCount: 1,
            firstItem: 0,
            attempt: 1,
            isUrgent: true,
            isLast: isLast,
            payload: .small(SmallBytes(tagged: 5))
        )
    }

    @Test("a worker ends by itself when it has answered its last request, and goes on behind any other")
    func lastRequest() async throws {
        let launcher = try makeLauncher()
        defer { launcher.close(inHaste: true) }
        let new = try NewChannel()
        try launcher.launch(1, new, standardError: nil)
        for isLast in [false, false, true] { try new.channel.send(request(isLast: isLast)) }
        new.channel.wake()
        var replies: [ReplyHeader.Kind] = []
        var end: ConcurrentFutures.ExitStatus?
        #expect(
            try await becomesTrue {
                for case .ended(1, let status) in launcher.events() { end = status }
                try new.channel.receive(atMost: .max) { replies.append($0.kind) }
                return end != nil
            }
        )
        #expect(replies == [.ready, .outcome, .outcome, .outcome])
        #expect(end?.exitCode == 0, "\(String(describing: end))")
    }

    @Test("what the fork server had too little of for a moment is no failed start")
    func shortageOfForkServer() async throws {
        let driver = try PoolDriver(Self.settings(minWorkers: 2))
        defer { driver.leave() }
        let ids = workersToStart(by: driver)
        #expect(ids.count == 2)
        driver.startWorker(ids[0])
        let link = try #require(driver.links.first)
        #expect(
            await becomesTrue {
                driver.handleLauncherEvents()
                return link.pid != nil
            }
        )
        let forkServer = try #require(driver.launcherPid)
        let earlier = limitDescriptors(of: forkServer, to: 1)
        driver.startWorker(ids[1])
        #expect(
            await becomesTrue {
                driver.handleLauncherEvents()
                return driver.postponedStarts.nextTry != nil
            }
        )
        _ = limitDescriptors(of: forkServer, to: earlier)
        #expect(
            await becomesTrue {
                driver.watchStarts()
                driver.handleLauncherEvents()
                return driver.links.count == 2 && driver.links[1].pid != nil
            }
        )
    }

    @Test("a worker that stood ready in time is not taken for stuck because nobody read that in time")
    func workerReadyUnread() async throws {
        let driver = try PoolDriver(Self.settings(minWorkers: 1))
        defer { driver.leave() }
        for id in workersToStart(by: driver) { driver.startWorker(id) }
        let link = try #require(driver.links.first)
        #expect(
            await becomesTrue {
                driver.handleLauncherEvents()
                return link.mustBeReadyBy != nil && !link.channel.prepareToSleep()
            }
        )
        link.mustBeReadyBy = 1
        driver.watchStarts()
        #expect(link.isReady && !link.isStuck)
    }
}
