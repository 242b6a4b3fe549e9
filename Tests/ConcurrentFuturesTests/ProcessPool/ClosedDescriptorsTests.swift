import CSystemShims
import Foundation
import Testing

@testable import ConcurrentFutures

private enum ClosingWork {
    /// Puts a file in the place of all that this process has open, and says when somebody else has read it.
    static func replaceDescriptors(_ path: String, _ begun: String, _ wasRead: String) throws -> Never {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        for number in Int32(3)..<100 where number != file { dup2(file, number) }
        try Work.touch(begun)
        while lseek(file, 0, SEEK_CUR) == 0 { usleep(1000) }
        try Work.touch(wasRead)
        while true { pause() }
    }
}

@Suite("A task that closes all descriptors", .fewAtOnce, .timeLimit(.minutes(5)))
struct ClosedDescriptorsTests {
    @Test("ends its worker when that is to listen, and what is opened in their place is not read")
    func replaced() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("file")
        try Data(count: 4096).write(to: URL(fileURLWithPath: path))
        let options = ProcessPoolOptions(gracePeriod: .seconds(3600))
        try await withProcessPool(maxWorkers: 1, options: options) { pool async throws in
            let begun = directory.file("begun")
            let future = pool.submit(ClosingWork.replaceDescriptors, path, begun, directory.file("read"))
            #expect(await becomesTrue { directory.has("begun") })
            #expect(future.cancel())
            #expect(await becomesTrue { future.isDone || directory.has("read") })
            #expect(!directory.has("read"))
            await pool.terminate(gracePeriod: .zero)
        }
    }
}
