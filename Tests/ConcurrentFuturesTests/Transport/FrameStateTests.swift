import Testing

@testable import ConcurrentFutures

@Suite("The state of a request")
struct FrameStateTests {
    private static let words = [FrameState.queued, .started, .revoked].flatMap { state in
        (UInt64(0)..<3000).map { state.word($0) }
    }

    // D3
    @Test("is no number, address or text that a task may have written there by mistake")
    func unlikely() {
        let likely = Self.words.first { word in
            let bytes = withUnsafeBytes(of: word.littleEndian) { [UInt8]($0) }
            let isNumber = word < 1 << 60 || Int64(bitPattern: word) > -1 << 60
            let isReal = abs(Double(bitPattern: word)) > .leastNormalMagnitude * 1e6
            return isNumber || isReal || !bytes.contains(0xC1) || String(validating: bytes, as: UTF8.self) != nil
        }
        #expect(likely == nil)
    }

    @Test("is another one for every request and state")
    func distinct() {
        #expect(Set(Self.words).count == Self.words.count)
    }
}
