import CSystemShims
import Foundation
import Testing

@testable import ConcurrentFutures

/// A memory file as a worker could send it.
private func file(_ bytes: [UInt8], size: Int? = nil, seals: MemoryFile.Seals) throws -> Descriptor {
    let file = try MemoryFile(name: "test", size: size ?? bytes.count)
    try bytes.withUnsafeBytes { try file.write($0) }
    try file.add(seals)
    return file.descriptor
}

private let sound: MemoryFile.Seals = [.shrink, .grow, .write, .seal]
private let bytes = [UInt8](repeating: 9, count: 100_000)

@Suite("A payload in a memory file", .timeLimit(.minutes(5)))
struct PayloadFileTests {
    @Test("is read where it is")
    func soundFile() throws {
        let payload = try MemoryFile.payload(received: file(bytes, seals: sound), count: bytes.count)
        #expect(payload.withUnsafeBytes { $0.elementsEqual(bytes) })
    }

    @Test("is refused if its sender could still change it or take it away")
    func unsealed() throws {
        for seals in [MemoryFile.Seals.write, .shrink, [.shrink, .futureWrite], [.shrink, .grow, .seal], []] {
            #expect(throws: SystemError.self) {
                try MemoryFile.payload(received: file(bytes, seals: seals), count: bytes.count)
            }
        }
    }

    @Test("is refused if it is not as big as was said", arguments: [100_001, 104_000, 1 << 40, Int.max])
    func tooSmall(count: Int) throws {
        #expect(throws: SystemError.self) { try MemoryFile.payload(received: file(bytes, seals: sound), count: count) }
    }

    @Test("is refused if its sender did not pay for its memory")
    func holes() throws {
        let size = 1 << 40
        let sparse = try file(bytes, size: size, seals: sound)
        #expect(throws: SystemError.self) { try MemoryFile.payload(received: sparse, count: size) }
        #expect(try MemoryFile.payload(received: sparse, count: bytes.count).count == bytes.count)
    }

    @Test("is refused if it is no memory file")
    func otherDescriptors() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("file")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        for path in [path, "/dev/zero", "/proc/self/mem", directory.path] {
            let descriptor = try Descriptor(owning: cf_open(path, O_RDONLY | O_CLOEXEC))
            #expect(throws: SystemError.self) { try MemoryFile.payload(received: descriptor, count: bytes.count) }
        }
        #expect(throws: SystemError.self) {
            try MemoryFile.payload(received: MessageSocket.pair().0.descriptor, count: bytes.count)
        }
        #expect(throws: SystemError.self) {
            try MemoryFile.payload(received: Doorbell().descriptor, count: bytes.count)
        }
    }

    @Test("is copied while so many are kept that this process could run out of mappings")
    func many() throws {
        let descriptor = try file(bytes, seals: sound)
        var kept = try (0..<5000).map { _ in try MemoryFile.payload(received: descriptor, count: bytes.count) }
        var mapped = 0
        for payload in kept {
            if case .mapping = payload { mapped += 1 }
            #expect(payload.count == bytes.count)
        }
        #expect(mapped > 0 && mapped <= 4096)
        #expect(kept.last?.withUnsafeBytes { $0.elementsEqual(bytes) } == true)
        kept = []
        guard case .mapping = try MemoryFile.payload(received: descriptor, count: bytes.count) else {
            Issue.record("those that were given back count no more")
            return
        }
    }
}
