import ConcurrentFutures
import Surroundings

nonisolated struct Job: Codable, Sendable {
    var number: Int
}

nonisolated private struct Hidden: Codable, Sendable {
    var number: Int
}

nonisolated func double(_ job: Job) -> Int { 2 * job.number }

nonisolated private func triple(_ hidden: Hidden) async throws -> Int { 3 * hidden.number }

/// Belongs to the main actor, like all that says nothing else in this module.
func onMainActor(_ number: Int) async -> Int {
    MainActor.assertIsolated()
    await Task.yield()
    return number + 1
}

/// A module whose default isolation is the main actor.
@main struct MainActorModule {
    static func main() async {
        enterMain()
        await reportingErrors(as: "main-actor") {
            try await withProcessPool(maxWorkers: 2) { pool in
                expect(try await pool.run(double, Job(number: 4)) == 8, "a nonisolated function")
                expect(try await pool.run(triple, Hidden(number: 4)) == 12, "a nonisolated private async function")
                expect(try await pool.run(onMainActor, 4) == 5, "an async function of the main actor")
                MainActor.assertIsolated()
                expect(try await pool.map(1...3, onMainActor).collect() == [2, 3, 4], "a map with it")
            }
        }
    }
}
