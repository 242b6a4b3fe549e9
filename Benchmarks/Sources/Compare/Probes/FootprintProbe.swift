import ConcurrentFutures
import Glibc
import Report

/// What a pool takes by being there.
enum FootprintProbe {
    struct NotAllAtWork: Error, CustomStringConvertible {
        var seen: Int
        var description: String { "only \(seen) workers were seen at work" }
    }

    /// - Returns: the private memory of the worker in the middle.
    @concurrent static func memory(workers: Int) async throws -> Figures {
        try await withProcessPool(maxWorkers: workers, minWorkers: workers) { pool in
            var pids: Set<Int32> = []
            for _ in 0..<20 where pids.count < workers {
                let futures = (0..<workers).map { _ in pool.submit(pid(afterMilliseconds:), 200) }
                for future in futures { pids.insert(try await future.value) }
            }
            guard pids.count == workers else { throw NotAllAtWork(seen: pids.count) }
            let sizes = pids.map { Double(ProcessFacts.privateBytes(of: $0)) }
            return ["memory": Sample(sizes).median / Double(1 << 20)]
        }
    }

    /// - Returns: how often the pool's threads and processes were given a processor although there was nothing to do.
    @concurrent static func idle(seconds: Int) async throws -> Figures {
        // Dispatch's own timer looks after its threads once a second, in every program that has tasks; this has it started now.
        try await Task.sleep(for: .milliseconds(1))
        // What was there before the pool is not the pool's, and neither is this thread.
        let others = Set(ProcessFacts.contextSwitches(of: [getpid()]).keys)
        return try await withWarmPool { _ in
            // Two seconds after the last task the pool looks once whether all of them were begun.
            sleep(5)
            let pids = [getpid()] + ProcessFacts.descendants()
            let before = ProcessFacts.contextSwitches(of: pids)
            sleep(UInt32(seconds))
            let after = ProcessFacts.contextSwitches(of: pids)
            let ownThread = ProcessFacts.ownThread
            let wakeUps = after.filter { !others.contains($0.key) && $0.key != ownThread }.map { thread, count in
                count - (before[thread] ?? count)
            }
            return ["idle": Double(wakeUps.reduce(0, +))]
        }
    }
}
