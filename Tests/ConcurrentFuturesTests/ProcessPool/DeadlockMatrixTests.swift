import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("The deadlock matrix", .fewAtOnce, .serialized, .timeLimit(.minutes(5)))
struct DeadlockMatrixTests {
    // M
    @Test("only the call fails that was to fail, and says where", arguments: MatrixCase.all)
    func onlyThatFails(_ matrixCase: MatrixCase) async throws {
        try await withinBound { try await check(matrixCase) }
    }

    // M
    @Test("the same with 100 MB in flight", arguments: MatrixCase.big)
    func onlyThatFailsAmongBig(_ matrixCase: MatrixCase) async throws {
        try await withinBound { try await check(matrixCase) }
    }

    /// One worker is held at a task, so that all else goes to the other: some tasks, the failing call, and more tasks.
    private func check(_ matrixCase: MatrixCase) async throws {
        let directories = try (TemporaryDirectory(), TemporaryDirectory())
        let besideGate = FileGate(in: directories.0)
        let gate = FileGate(in: directories.1)
        let isEnding = matrixCase.way == .whileShuttingDown
        let bytes = [UInt8](repeating: 7, count: matrixCase.size)

        let pool = try ProcessPoolExecutor(maxWorkers: 2, startMethod: matrixCase.startMethod)
        let beside = Parcel(20, bytes: bytes, mishap: Mishap(stage: .run, gate: besideGate))
        let besideFuture = pool.submit(Parcel.deliver, beside)
        #expect(await becomesTrue { besideGate.hasBegun(Mishap.name) })

        let before = (0..<3).map { pool.submit(Work.square, $0) }
        let parcels = matrixCase.parcels(gate: isEnding ? gate : nil)
        let call = try await matrixCase.begin(parcels, in: pool)
        let after = (0..<3).map { pool.submit(Work.square, $0) }
        let behind = Parcel(21, bytes: bytes)
        let behindFuture = pool.submit(Parcel.deliver, behind)

        let ending = isEnding ? Task { await pool.shutdown() } : nil
        if isEnding {
            #expect(await becomesTrue { gate.hasBegun(Mishap.name) && pool.isShutDown })
            try gate.release()
        }

        for (parcel, outcome) in zip(parcels, await call.value) {
            if parcel.mishap == nil {
                #expect(try outcome.get().isDelivered(of: parcel))
            } else {
                #expect(matrixCase.defect(of: outcome) == nil)
            }
        }
        for (n, future) in before.enumerated() { #expect(try await future.value == n * n) }
        for (n, future) in after.enumerated() { #expect(try await future.value == n * n) }
        #expect(try await behindFuture.value.isDelivered(of: behind))
        #expect(!besideFuture.isDone)
        try besideGate.release()
        #expect(try await besideFuture.value.isDelivered(of: beside))
        await pool.shutdown()
        await ending?.value
    }
}

extension ProcessPoolExecutor {
    /// Whether it refuses tasks: asked by submitting one.
    var isShutDown: Bool {
        let probe = submit(Work.answer)
        guard probe.isDone, case .failure(let error as PoolError) = Result(catching: { try probe.get() }) else {
            return false
        }
        return error.code == .shutdown
    }
}
