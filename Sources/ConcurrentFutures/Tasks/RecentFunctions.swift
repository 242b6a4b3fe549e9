import Synchronization

/// Functions that were submitted lately, found without a lock and without hashing their keys in full.
///
/// Only those without context, whose address says it all: optimized, that is every one.
final class RecentFunctions: Sendable {
    private static let count = 64
    /// The addresses of the registry's entries, which are there as long as the process, or 0.
    nonisolated(unsafe) private let places: UnsafeMutablePointer<Atomic<UInt>>

    init() {
        places = .allocate(capacity: Self.count)
        for index in 0..<Self.count { (places + index).initialize(to: Atomic(0)) }
    }

    deinit {
        places.deinitialize(count: Self.count)
        places.deallocate()
    }

    func function(for key: FunctionRegistry.Key) -> TaskFunctionName? {
        let address = place(of: key).pointee.load(ordering: .acquiring)
        guard key.chain.links.isEmpty, let entry = UnsafeRawPointer(bitPattern: address) else { return nil }
        return Unmanaged<FunctionRegistry.Entry>.fromOpaque(entry)._withUnsafeGuaranteedRef { entry in
            entry.shape == key.shape && entry.code == key.chain.code ? entry.function : nil
        }
    }

    /// - Parameter entry: is kept by the registry.
    func note(_ entry: FunctionRegistry.Entry, for key: FunctionRegistry.Key) {
        guard key.chain.links.isEmpty else { return }
        let address = UInt(bitPattern: Unmanaged.passUnretained(entry).toOpaque())
        place(of: key).pointee.store(address, ordering: .releasing)
    }

    private func place(of key: FunctionRegistry.Key) -> UnsafeMutablePointer<Atomic<UInt>> {
        // Multiplied by a golden number, whose high bits depend on all of the key's.
        let mixed = (key.chain.code ^ UInt(bitPattern: key.shape)) &* 0x9E37_79B9_7F4A_7C15
        return places + Int(mixed >> 58)
    }
}
