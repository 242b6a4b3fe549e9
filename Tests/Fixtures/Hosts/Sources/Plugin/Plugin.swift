import ConcurrentFutures
import Glibc

/// Tries to make a pool and says what came of it.
@_cdecl("plugin_make_pool")
public func makePool() {
    do {
        _ = try ProcessPoolExecutor(maxWorkers: 1, minWorkers: 1)
        print("plugin: made a pool")
    } catch {
        print("plugin: \(error)")
    }
    fflush(nil)
}
