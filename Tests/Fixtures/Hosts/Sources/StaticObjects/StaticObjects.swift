import ConcurrentFutures
import StaticObjectsCXX
import Surroundings

/// A program with C++ objects that are made before `main` and destroyed after it.
@main struct StaticObjects {
    static func main() async {
        enterMain()
        let method: StartMethod = CommandLine.arguments.contains("spawn") ? .spawn : .forkServer
        await reportingErrors(as: "static-objects") {
            try await withProcessPool(maxWorkers: 2, startMethod: method) { pool in
                expect(try await pool.run({ static_object_value() }) == 42, "a static object in a worker")
            }
        }
    }
}
