import CSystemShims
import Synchronization

/// The images that are mapped into this process, at one moment.
///
/// Everything that looks like an address and may not be one is read through here: a read outside of the readable
/// segments answers nil instead of ending the process.
struct LoadedImages: Sendable {
    /// Counts of the images ever loaded and unloaded: the same counts, the same images.
    struct Generation: Hashable {
        let added: UInt64
        let removed: UInt64

        fileprivate init(_ image: cshim_image) {
            added = image.images_added
            removed = image.images_removed
        }
    }

    private struct MappedSegment {
        let segment: LoadedImage.Segment
        let image: Int
    }

    private static let latest = Mutex<LoadedImages?>(nil)

    /// The images, the main program among them.
    let images: [LoadedImage]
    private let segments: [MappedSegment]
    /// When this was.
    let generation: Generation?

    /// The images of this moment. Costs two uncontended locks unless images came or went since the last time.
    static var current: LoadedImages {
        // The loader's lock is never taken while ours is held: a constructor that runs within `dlopen` may come here.
        let generation = currentGeneration()
        if let known = latest.withLock({ $0 }), known.generation == generation { return known }
        let fresh = LoadedImages()
        latest.withLock { $0 = fresh }
        return fresh
    }

    /// Name and identity of each image, for two processes to compare.
    static func identities() -> [(name: String, identity: String)] {
        current.images.map { ($0.name, $0.identity) }
    }

    private init() {
        var found: (images: [LoadedImage], generation: Generation?) = ([], nil)
        withUnsafeMutablePointer(to: &found) { found in
            _ = cshim_iterate_images(
                { image, context in
                    // `context` is `found`, which outlives this call; the loader passes no null `image`.
                    let found = context!.assumingMemoryBound(to: (images: [LoadedImage], generation: Generation?).self)
                    found.pointee.images.append(LoadedImage(image!.pointee))
                    found.pointee.generation = Generation(image!.pointee)
                    return 0
                },
                found
            )
        }
        images = found.images
        generation = found.generation
        segments = found.images.enumerated()
            .flatMap { index, image in image.segments.map { MappedSegment(segment: $0, image: index) } }
            .sorted { $0.segment.range.lowerBound < $1.segment.range.lowerBound }
    }

    private static func currentGeneration() -> Generation? {
        var generation: Generation?
        withUnsafeMutablePointer(to: &generation) { generation in
            _ = cshim_iterate_images(
                { image, context in
                    // `context` is `generation`, which outlives this call; the loader passes no null `image`.
                    context!.assumingMemoryBound(to: Generation?.self).pointee = Generation(image!.pointee)
                    return 1
                },
                generation
            )
        }
        return generation
    }

    private func mappedSegment(containing address: UInt) -> MappedSegment? {
        var candidates = segments[...]
        while let middle = candidates.indices.isEmpty ? nil : (candidates.startIndex + candidates.endIndex) / 2 {
            let range = segments[middle].segment.range
            if address < range.lowerBound {
                candidates = candidates[..<middle]
            } else if address >= range.upperBound {
                candidates = candidates[(middle + 1)...]
            } else {
                return segments[middle]
            }
        }
        return nil
    }

    /// The image in one of whose segments `address` lies.
    func image(containing address: UInt) -> LoadedImage? {
        mappedSegment(containing: address).map { images[$0.image] }
    }

    /// The image with this identity; where one file is loaded twice, the one of that name.
    func image(identity: String, name: String) -> LoadedImage? {
        let candidates = images.filter { $0.identity == identity }
        return candidates.first { $0.name == name } ?? candidates.first
    }

    /// Whether `address` lies in code.
    func isExecutable(_ address: UInt) -> Bool {
        mappedSegment(containing: address)?.segment.isExecutable ?? false
    }

    /// The bytes from `address` to the end of its segment, or nil if they cannot be read.
    func bytes(at address: UInt) -> UnsafeRawBufferPointer? {
        guard let segment = mappedSegment(containing: address)?.segment, segment.isReadable else { return nil }
        return UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: address),
            count: Int(segment.range.upperBound - address)
        )
    }

    /// The value at `address`, or nil if it is not within one readable segment.
    func load<Value: BitwiseCopyable>(_: Value.Type, at address: UInt) -> Value? {
        guard let bytes = bytes(at: address), bytes.count >= MemoryLayout<Value>.size else { return nil }
        return bytes.loadUnaligned(as: Value.self)
    }

    /// The address that the 32-bit relative pointer at `address` points to, or nil if it cannot be read or is null.
    func relativePointer(at address: UInt) -> UInt? {
        guard let offset = load(Int32.self, at: address), offset != 0 else { return nil }
        return address &+ UInt(bitPattern: Int(offset))
    }
}
