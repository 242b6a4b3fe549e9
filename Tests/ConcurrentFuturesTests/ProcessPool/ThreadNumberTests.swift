import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("The number of a forked thread")
struct ThreadNumberTests {
    /// Words as they are after the renewal of a number in them.
    private func renewed(_ words: [UInt64], from old: Int32, to new: Int32, mask: UInt32 = .max) -> [UInt64] {
        var words = words
        words.withUnsafeMutableBytes {
            var number = ThreadNumber(old)
            number.find(in: $0.baseAddress!, byteCount: $0.count, mask: mask)
            number.renew(to: new)
        }
        return words
    }

    @Test("is renewed in either half of a word, and in both")
    func halves() {
        let old: UInt64 = 0x5581
        let new: UInt64 = 0x5599
        let words = [old, old << 32, old << 32 | 1, old << 32 | old, 0x5582, old << 8, 0]
        let expected = [new, new << 32, new << 32 | 1, new << 32 | new, 0x5582, old << 8, 0]
        #expect(renewed(words, from: 0x5581, to: 0x5599) == expected)
    }

    @Test("is renewed beside the flags of a queue's owner, and these stay")
    func flags() {
        let words: [UInt64] = [0x001f_fe21_c000_0abc, 0x001f_fe21_0000_0abd]
        #expect(
            renewed(words, from: 0xabc, to: 0xdef, mask: 0x3fff_ffff) == [0x001f_fe21_c000_0def, 0x001f_fe21_0000_0abd]
        )
    }

    @Test("leaves pointers alone half of which is the number, also to the end of what they point to")
    func pointers() throws {
        let pageSize = Int(getpagesize())
        let page = try #require(mmap(nil, pageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        try #require(page != MAP_FAILED)
        defer { munmap(page, pageSize) }
        for address in [UInt(bitPattern: page), UInt(bitPattern: page) + 8, UInt(bitPattern: page) + UInt(pageSize)] {
            let word = UInt64(address)
            let upper = Int32(truncatingIfNeeded: word >> 32)
            let lower = Int32(truncatingIfNeeded: word)
            #expect(renewed([word], from: upper, to: 1) == [word])
            #expect(renewed([word], from: lower, to: 1) == [word])
        }
    }

    @Test("is renewed at the end of what does not end with a whole word")
    func odd() {
        var bytes = Array(repeating: UInt8(0), count: 12)
        bytes.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: 77, toByteOffset: 8, as: UInt32.self)
            var number = ThreadNumber(77)
            number.find(in: bytes.baseAddress!, byteCount: 12, mask: .max)
            number.renew(to: 78)
            #expect(bytes.load(fromByteOffset: 8, as: UInt32.self) == 78)
        }
    }
}
