import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("Closure chains")
struct ClosureChainTests {
    private typealias Holder = SyncFunction<Int, Int>

    private func chain(_ function: @escaping @Sendable (Int) throws -> Int) throws -> ClosureChain {
        try ClosureChain(heldBy: Holder(function: function), isAsync: false)
    }

    private func reason(_ body: () throws -> Void) -> FunctionReferenceError.Reason? {
        do {
            try body()
            return nil
        } catch {
            return (error as? FunctionReferenceError)?.reason
        }
    }

    @Test("the same function gives the same chain, another function another one")
    func equality() throws {
        func make() throws -> ClosureChain { try chain(square) }
        #expect(try make() == make())
        #expect(try make().hashValue == make().hashValue)
        #expect(try chain(square) != chain { $0 + 1 })
    }

    @Test("a function that captures itself is refused")
    func cycle() throws {
        // A box that holds a function whose context is the box itself, as a variable does that captures itself.
        let inner = opaque(Constants.closure)
        let wrapper = Holder { inner($0) }
        let outer = ClosureWords(heldBy: wrapper)
        let box = try #require(UnsafeMutablePointer<ClosureWords>(bitPattern: outer.context + 16))
        let original = box.pointee
        box.pointee = outer
        defer { box.pointee = original }
        withExtendedLifetime(wrapper) {
            #expect(reason { _ = try ClosureChain(outer, isAsync: false) } == .capturesValue(types: []))
        }
    }

    @Test("a captured value's type is named")
    func names() throws {
        let (count, text) = opaque((3, "three"))
        #expect(
            reason { _ = try chain { $0 + count + text.count } } == .capturesValue(types: ["Int", "String"])
        )
        let counter = opaque(Counter(start: 1))
        let reason = reason { _ = try chain { counter.next($0) } }
        #expect(reason == .capturesValue(types: []) || reason == .capturesValue(types: ["Counter"]))
    }

    @Test(
        "what looks like a context and is none is refused, and read no further",
        arguments: [0, 1, 8, 0x400, 0x1000, UInt.max, UInt.max - 7, 0x7fff_ffff_fff8, 0xdead_beef_dead_beef]
    )
    func wrongMetadata(word: UInt) {
        let object = UnsafeMutablePointer<UInt>.allocate(capacity: 4)
        defer { object.deallocate() }
        object.initialize(repeating: word, count: 4)
        for context in [UInt(bitPattern: object), UInt(bitPattern: object) + 1] {
            let words = ClosureWords(code: 0, context: context)
            #expect(reason { _ = try ClosureChain(words, isAsync: false) } == .capturesValue(types: []))
        }
    }

    @Test("any address within the program may be asked whether it is a box's metadata")
    func anyMetadata() async throws {
        let images = LoadedImages.current
        let program = try #require(images.images.first { $0.name == LoadedImage.mainProgramName })
        for segment in program.segments where segment.isReadable {
            for address in stride(from: segment.range.lowerBound, to: segment.range.upperBound, by: 10_007) {
                _ = try? FunctionBox(metadata: address, images: images)
                _ = TypeDescriptor(at: address, images: images)
            }
            for address in stride(from: segment.range.lowerBound, to: segment.range.upperBound, by: 1_000_003) {
                _ = try? CaptureDescriptor(at: address, images: images)
                await Task.yield()
            }
        }
    }

    @Test("a word that is no code is refused", arguments: [false, true])
    func notCode(isAsync: Bool) throws {
        let heap = UnsafeMutablePointer<UInt>.allocate(capacity: 1)
        defer { heap.deallocate() }
        let metadata = unsafeBitCast(Int.self as Any.Type, to: UInt.self)
        for code in [0, 1, UInt.max, UInt(bitPattern: heap), metadata] {
            let chain = try ClosureChain(ClosureWords(code: code, context: 0), isAsync: isAsync)
            #expect(reason { _ = try FunctionReference(chain) } == .notCode)
        }
    }

    @Test("a rebuilt function survives its holders")
    func ownership() throws {
        let words = try FunctionReference(chain(square)).closureWords()
        for n in 0..<100 {
            let function = words.holder(as: Holder.self).function
            #expect(try function(n) == n * n)
        }
    }

    @Test("a reference that was tampered with throws and does not crash")
    func tampering() throws {
        let holder = Holder(function: square)
        let original = try #require(
            JSONSerialization.jsonObject(with: RoundTrip.bytes(holder, isAsync: false)) as? [String: Any]
        )
        func resolve(_ change: (inout [String: Any]) -> Void) throws {
            func changed(_ value: Any) -> Any {
                if let list = value as? [Any] { return list.map(changed) }
                guard var object = value as? [String: Any] else { return value }
                object = object.mapValues(changed)
                if object["offset"] != nil { change(&object) }
                return object
            }
            let function = changed(try #require(original["function"]))
            let data = try JSONSerialization.data(withJSONObject: function)
            _ = try JSONDecoder().decode(FunctionReference.self, from: data).closureWords()
        }
        for offset in [UInt.max, UInt.max / 2, UInt.max - 4095] {
            #expect(throws: FunctionReferenceError.self) { try resolve { $0["offset"] = offset } }
        }
        #expect(
            reason { try resolve { $0["imageIdentity"] = "00" } } == .imageNotLoaded(name: LoadedImage.mainProgramName)
        )
        #expect(reason { try resolve { _ in } } == nil)
    }

    @Test("a function's name is found for error messages")
    func symbolNames() throws {
        let literal = try FunctionReference(chain { n in n * n * n })
        #expect(literal.symbolName()?.contains("closure #") ?? false)
        let global = try FunctionReference(chain(square))
        #expect(global.symbolName() == "ConcurrentFuturesTests.square(Swift.Int) -> Swift.Int")
        let later = AsyncFunction<Int, Int> { await squareLater($0) }
        let async = try FunctionReference(ClosureChain(heldBy: later, isAsync: true))
        #expect(async.symbolName()?.contains("symbolNames") ?? false)
    }
}
