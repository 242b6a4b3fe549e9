import CSystemShims
import Synchronization

/// The kind of heap object in which the compiler keeps one captured Swift function and nothing else: a header of two words
/// (metadata, reference counts), then the two words of the function.
///
/// Its metadata is a constant in the image whose code made the box, and says by way of a capture descriptor what the box
/// holds. All of it is read with checks: any heap object's metadata may be asked whether it is one of these.
struct FunctionBox {
    static let headerSize = 2 * MemoryLayout<UInt>.size

    private static let heapLocalVariableKind: UInt = 0x400

    let metadata: UInt
    let holdsAsyncFunction: Bool

    private struct Known {
        var generation: LoadedImages.Generation?
        var boxes: [UInt: FunctionBox] = [:]
    }

    private static let known = Mutex(Known())

    /// The box with this metadata, which is read and checked once only.
    ///
    /// In unoptimized code each function that is submitted comes in some boxes, and the check of one costs microseconds.
    static func cached(metadata: UInt, images: LoadedImages) throws(FunctionReferenceError) -> FunctionBox {
        let box = known.withLock { known in
            // Where one image was, there may be another.
            if known.generation != images.generation { known = Known(generation: images.generation) }
            return known.boxes[metadata]
        }
        if let box { return box }
        let checked = try FunctionBox(metadata: metadata, images: images)
        known.withLock { known in
            if known.generation == images.generation { known.boxes[metadata] = checked }
        }
        return checked
    }

    /// - Throws: if objects with this metadata hold anything else than one Swift function.
    init(metadata: UInt, images: LoadedImages) throws(FunctionReferenceError) {
        guard metadata % UInt(MemoryLayout<UInt>.alignment) == 0,
            images.load(UInt.self, at: metadata) == Self.heapLocalVariableKind,
            images.load(UInt32.self, at: metadata + 8) == UInt32(Self.headerSize),
            let descriptor = images.load(UInt.self, at: metadata + 16)
        else { throw FunctionReferenceError(.capturesValue(types: [])) }
        guard descriptor != 0 else { throw FunctionReferenceError(.noReflectionMetadata) }
        let captures = try CaptureDescriptor(at: descriptor, images: images)
        let kinds = captures.typeNames.map(MangledFunctionType.init(mangledName:))
        guard !kinds.isEmpty, kinds.allSatisfy({ $0 != .noFunction }), kinds.count == 1 || captures.hasGenericBindings
        else {
            throw FunctionReferenceError(.capturesValue(types: captures.readableTypes))
        }
        guard !captures.hasGenericBindings else { throw FunctionReferenceError(.capturesGenericBindings) }
        guard case .swift(let isAsync) = kinds[0] else { throw FunctionReferenceError(.capturesForeignFunction) }
        holdsAsyncFunction = isAsync
        self.metadata = metadata
    }

    /// A new box that holds the function, with one reference that belongs to the caller.
    func allocate(holding words: ClosureWords) -> UInt {
        let size = Self.headerSize + MemoryLayout<ClosureWords>.size
        // The validated metadata is that of an object of just this size, with the words at its end.
        let object = cshim_swift_alloc_object(
            UnsafeRawPointer(bitPattern: metadata),
            size,
            MemoryLayout<UInt>.alignment - 1
        )!
        object.storeBytes(of: words, toByteOffset: Self.headerSize, as: ClosureWords.self)
        return UInt(bitPattern: object)
    }
}
