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
        for word in Self.words {
            #expect(word > 1 << 60 && Int64(bitPattern: word) < -1 << 60)
            #expect(abs(Double(bitPattern: word)) < .leastNormalMagnitude * 1e6)
            let text = withUnsafeBytes(of: word.littleEndian) { [UInt8]($0) }
            #expect(String(validating: text, as: UTF8.self) == nil)
            #expect(text.contains(0xC1))
        }
    }

    @Test("is another one for every request and state")
    func distinct() {
        #expect(Set(Self.words).count == Self.words.count)
    }
}
