import Foundation
import Synchronization

@testable import ConcurrentFutures

/// Whether the machine does little enough else for a short time to be measured: a thread that sleeps for a millisecond at a time wakes when it should.
final class Quiet: Sendable {
    private let isOver = Atomic(false)
    private let worst = Future<Duration>(control: TestControl())

    /// Begins to look.
    init() {
        Thread.detachNewThread { [self] in
            var latest = Duration.zero
            while !isOver.load(ordering: .relaxed) {
                let start = ContinuousClock.now
                usleep(1000)
                latest = max(latest, .now - start)
            }
            worst.complete(returning: latest)
        }
    }

    /// Ends the look.
    ///
    /// - Returns: whether it was quiet all the time.
    func lasted() async -> Bool {
        isOver.store(true, ordering: .relaxed)
        return await (try? worst.value).map { $0 < .milliseconds(3) } ?? false
    }
}
