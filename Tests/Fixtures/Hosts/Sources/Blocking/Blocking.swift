import ConcurrentFutures
import Surroundings

/// A program without anything asynchronous of its own, so that it needs none of Swift's threads.
@main struct Blocking {
    static func main() {
        enterMain()
        do {
            let method: StartMethod = CommandLine.arguments.contains("spawn") ? .spawn : .forkServer
            let pool = try ProcessPoolExecutor(maxWorkers: 2, startMethod: method)
            for number in 1...2 { report("blocking: \(outcome(of: pool.submit({ 2 * $0 }, number)))") }
        } catch {
            report("blocking: \(error)")
        }
    }

    private static func outcome(of future: Future<Int>) -> String {
        do {
            return String(try future.get(timeout: .seconds(10)))
        } catch {
            return String(describing: error)
        }
    }
}
