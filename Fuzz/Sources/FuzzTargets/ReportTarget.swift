@testable import ConcurrentFutures

/// What the fork server tells the host.
struct ReportTarget: FuzzTarget {
    let name = "reports"
    let mostBytesPerByte = 3 * MemoryLayout<ImageIdentity>.stride

    func read(_ input: UnsafeRawBufferPointer) -> Bool {
        guard let report = try? KeeperReport(received: input) else { return false }
        if case .ready(let images) = report { _ = LoadedImages.mismatch(with: images) }
        return true
    }

    func restructure(_ input: [UInt8], _ mutator: inout Mutator) -> [UInt8] {
        // Those that are brief have no structure.
        let isBrief = input.withUnsafeBytes { BriefMessage($0) } != nil
        return isBrief ? mutator.changeBytes(of: input) : EncodedMessage.change(input[...], &mutator)
    }

    var seeds: [[UInt8]] {
        let reports: [KeeperReport] = [
            .ready(images: LoadedImages.handshake()), .ready(images: []), .unable(reason: "no reason"),
            .preloaded, .preloadFailed(RemoteError(CancellationError())), .started(3, pid: 1234),
            .startFailed(4, reason: "too many processes", isShortage: true), .ended(5, ExitStatus(signal: 9)),
            .ended(1 << 33, ExitStatus(signal: 0, exitCode: 42, processorTime: 1_000_000)),
        ]
        return reports.map { $0.brief?.bytes ?? encoded($0) }
    }
}
