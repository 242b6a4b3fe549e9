import CSystemShims
import Glibc

/// An executable file or library that is mapped into this process.
struct LoadedImage: Sendable {
    /// A part of an image that the loader mapped with one protection.
    struct Segment: Sendable {
        let range: Range<UInt>
        let isReadable: Bool
        let isWritable: Bool
        let isExecutable: Bool
    }

    /// The name of the image whose `main` this process runs: the loader knows it by an empty path only.
    static let mainProgramName = "main program"

    /// The path under which the loader found the image, or ``mainProgramName``.
    let name: String
    /// What distinguishes this build of the image from every other: its build id in hexadecimal digits or, for an image
    /// that was linked without one, a digest of its read-only segments.
    let identity: String
    /// What the loader added to the addresses in the file.
    let base: UInt
    /// The mapped parts.
    let segments: [Segment]

    /// Where the image's file can be read.
    var path: String { name == Self.mainProgramName ? "/proc/self/exe" : name }

    /// Reads what the loader says of one image; its memory must be mapped, as it is while the loader enumerates the images.
    init(_ image: cshim_image) {
        let path = image.name.map { String(cString: $0) } ?? ""
        name = path.isEmpty ? Self.mainProgramName : path
        base = image.base
        let headers = UnsafeBufferPointer(
            start: image.program_headers?.assumingMemoryBound(to: Elf64_Phdr.self),
            count: image.program_header_count
        )
        var segments: [Segment] = []
        var buildID: String?
        for header in headers {
            let start = image.base &+ UInt(header.p_vaddr)
            switch header.p_type {
            case UInt32(PT_LOAD):
                segments.append(
                    Segment(
                        range: start..<start + UInt(header.p_memsz),
                        isReadable: header.p_flags & 4 != 0,
                        isWritable: header.p_flags & 2 != 0,
                        isExecutable: header.p_flags & 1 != 0
                    )
                )
            case UInt32(PT_NOTE) where buildID == nil:
                let notes = UnsafeRawBufferPointer(
                    start: UnsafeRawPointer(bitPattern: start),
                    count: Int(header.p_memsz)
                )
                buildID = Self.buildID(in: notes, alignment: header.p_align == 8 ? 8 : 4)
            default:
                break
            }
        }
        self.segments = segments
        identity = buildID ?? Self.contentDigest(of: segments)
    }

    private static func buildID(in notes: UnsafeRawBufferPointer, alignment: Int) -> String? {
        func padded(_ size: UInt32) -> Int { (Int(size) + alignment - 1) & ~(alignment - 1) }
        var offset = 0
        while offset + 12 <= notes.count {
            let nameSize = notes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let contentSize = notes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
            let type = notes.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self)
            let content = offset + 12 + padded(nameSize)
            guard content + Int(contentSize) <= notes.count else { return nil }
            let isGNU = notes[(offset + 12)..<(offset + 12 + Int(nameSize))].elementsEqual("GNU\0".utf8)
            if isGNU, type == UInt32(NT_GNU_BUILD_ID), contentSize > 0 {
                return notes[content..<(content + Int(contentSize))].map(Self.hexadecimal).joined()
            }
            offset = content + padded(contentSize)
        }
        return nil
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return byte < 16 ? "0" + digits : digits
    }

    /// FNV-1a by words instead of bytes, because a large program has a hundred megabytes of code. The loader does not
    /// relocate what is not writable, so that the digest is the same in every process.
    private static func contentDigest(of segments: [Segment]) -> String {
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
        for segment in segments where segment.isReadable && !segment.isWritable {
            let bytes = UnsafeRawBufferPointer(
                start: UnsafeRawPointer(bitPattern: segment.range.lowerBound),
                count: segment.range.count
            )
            for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
                digest =
                    (digest ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x0000_0100_0000_01b3
            }
        }
        return "content-" + String(digest, radix: 16)
    }
}
