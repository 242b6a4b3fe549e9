import Foundation
import Synchronization
import Testing

@testable import ConcurrentFutures

@Suite(.timeLimit(.minutes(5)), .timeLimit(.minutes(5))) struct TimerQueueTests {
    @Test("timers come in the order of their times, and equal ones in the order in which they were set")
    func order() {
        var queue = TimerQueue()
        let log = Log<Int>()
        for (number, instant) in [30, 10, 20, 10, 40].enumerated() {
            queue.set(ServiceTimer(), at: UInt64(instant)) { log.append(number) }
        }
        #expect(queue.firstInstant == 10)
        #expect(queue.popDue(at: 9) == nil)
        while let action = queue.popDue(at: 30) { action() }
        #expect(log.elements == [1, 3, 2, 0])
        #expect(queue.firstInstant == 40)
        #expect(queue.count == 1)
    }

    @Test("a cancelled timer never comes, also if it is cancelled before it is set")
    func cancelled() {
        var queue = TimerQueue()
        let (early, late, unset) = (ServiceTimer(), ServiceTimer(), ServiceTimer())
        queue.set(early, at: 10) {}
        queue.set(late, at: 20) {}
        #expect(queue.cancel(early) != nil)
        #expect(queue.cancel(early) == nil)
        #expect(queue.cancel(unset) == nil)
        queue.set(unset, at: 5) {}
        #expect(queue.firstInstant == 20)
        #expect(queue.popDue(at: 30) != nil)
        #expect(queue.cancel(late) == nil)
        #expect(queue.isEmpty)
        #expect(queue.firstInstant == nil)
    }

    @Test("cancelled timers do not pile up")
    func manyCancelled() {
        var queue = TimerQueue()
        let kept = (0..<100).map { number in
            let timer = ServiceTimer()
            queue.set(timer, at: 1_000_000 + UInt64(number)) {}
            return timer
        }
        for number in 0..<100_000 {
            let timer = ServiceTimer()
            queue.set(timer, at: 2_000_000 - UInt64(number)) {}
            _ = queue.cancel(timer)
            #expect(queue.entryCount <= 2 * kept.count + 65)
        }
        #expect(queue.count == kept.count)
        var due = 0
        while queue.popDue(at: .max) != nil { due += 1 }
        #expect(due == kept.count)
    }

    @Test("what timers hold is released when they are cancelled")
    func released() {
        final class Token: Sendable {}
        var queue = TimerQueue()
        let timers = [ServiceTimer(), ServiceTimer()]
        weak var token: Token?
        do {
            let held = Token()
            token = held
            for timer in timers { queue.set(timer, at: 1) { _ = held } }
        }
        #expect(token != nil)
        _ = queue.cancel(timers[0])
        #expect(token != nil)
        _ = queue.cancelAll()
        #expect(token == nil)
        #expect(queue.isEmpty)
    }
}

@Suite(.fewAtOnce, .serialized, .timeLimit(.minutes(5))) struct ServiceThreadTests {
    private func milliseconds(_ count: UInt64) -> UInt64 { monotonicNanoseconds() + count * 1_000_000 }

    @Test("a timer is carried out at its time and not before, and one that is set later for earlier comes first")
    func timers() async {
        let thread = ServiceThread(name: "srv-timers")
        let log = Log<Int>()
        let start = monotonicNanoseconds()
        for (number, delay) in [(3, 60), (2, 40), (1, 20)] {
            let instant = start + UInt64(delay) * 1_000_000
            thread.set(ServiceTimer(), at: instant) {
                #expect(monotonicNanoseconds() >= instant)
                log.append(number)
            }
        }
        #expect(await becomesTrue { log.elements.count == 3 })
        #expect(log.elements == [1, 2, 3])
        thread.close()
        await thread.drain()
        #expect(threadNames("srv-timers").isEmpty)
    }

    @Test("work and timers do not keep each other waiting")
    func workAndTimers() async {
        let thread = ServiceThread(name: "srv-both")
        let log = Log<String>()
        thread.set(ServiceTimer(), at: milliseconds(3_600_000)) { log.append("never") }
        thread.schedule { log.append("work") }
        thread.set(ServiceTimer(), at: milliseconds(0)) { log.append("due") }
        #expect(await becomesTrue { Set(log.elements) == ["work", "due"] })
        thread.close()
        await thread.drain()
        #expect(log.elements.count == 2)
    }

    @Test("a closed thread stays while a timer is set, and goes with the last")
    func closing() async {
        let thread = ServiceThread(name: "srv-close")
        let timers = [ServiceTimer(), ServiceTimer()]
        let hasRun = Tally()
        thread.set(timers[0], at: milliseconds(3_600_000)) {}
        thread.set(timers[1], at: milliseconds(50)) { hasRun.add() }
        thread.close()
        #expect(await becomesTrue { hasRun.value > 0 })
        #expect(threadNames("srv-close").count == 1)
        thread.cancel(timers[0])
        #expect(await becomesTrue { threadNames("srv-close").isEmpty })
    }

    @Test("the thread goes when there has been nothing to do, and comes back", .timeLimit(.minutes(3)))
    func idle() async {
        let thread = ServiceThread(name: "srv-idle")
        for _ in 0..<2 {
            let hasRun = Tally()
            thread.set(ServiceTimer(), at: milliseconds(1)) { hasRun.add() }
            #expect(await becomesTrue { hasRun.value > 0 })
            #expect(await becomesTrue { threadNames("srv-idle").isEmpty })
        }
    }

    @Test("without a thread work is still done, and timers are still carried out")
    func noThread() async {
        struct NoThread: Error {}
        let failures = Tally()
        let thread = ServiceThread(name: "srv-none") { name, body in
            if failures.add() <= 3 { throw NoThread() }
            _ = try SystemThread.startJoinable(name: name, body)
        }
        let log = Log<Int>()
        thread.schedule { log.append(1) }
        #expect(log.elements == [1])
        thread.set(ServiceTimer(), at: milliseconds(5)) { log.append(2) }
        thread.set(ServiceTimer(), at: milliseconds(0)) { log.append(3) }
        #expect(log.elements.prefix(2) == [1, 3])
        #expect(await becomesTrue { log.elements.count == 3 })
        thread.close()
        await thread.drain()
    }

    @Test("many timers that are set, cancelled and carried out at once end once each")
    func stress() async {
        let thread = ServiceThread(name: "srv-many")
        let carriedOut = Tally()
        let cancelled = Tally()
        await withTaskGroup { group in
            for worker in 0..<8 {
                group.addTask {
                    for round in 0..<1000 {
                        let timer = ServiceTimer()
                        let instant = monotonicNanoseconds() + UInt64((worker * 37 + round * 11) % 300) * 1000
                        let isOver = Tally()
                        thread.set(timer, at: instant) {
                            carriedOut.add()
                            isOver.add()
                        }
                        if round % 3 == 0 {
                            thread.cancel(timer)
                            cancelled.add()
                        } else {
                            await eventually { isOver.value > 0 }
                        }
                    }
                }
            }
        }
        let count = carriedOut.value
        #expect(count <= 8000 && count + cancelled.value >= 8000)
        thread.close()
        await thread.drain()
        #expect(threadNames("srv-many").isEmpty)
    }
}
