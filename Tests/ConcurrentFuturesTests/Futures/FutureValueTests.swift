import Synchronization
import Testing

@testable import ConcurrentFutures

/// Counts how many of it there are.
private final class Counted: Sendable {
    static let count = Atomic(0)

    init() { Self.count.add(1, ordering: .relaxed) }
    deinit { Self.count.subtract(1, ordering: .relaxed) }
}

private struct Big: Equatable, Sendable {
    var name = "a name that is too long for a small string"
    var numbers = Array(0..<100)
    var more: (Int, Int, Int) = (1, 2, 3)

    static func == (left: Big, right: Big) -> Bool {
        left.name == right.name && left.numbers == right.numbers && left.more == right.more
    }
}

/// Cannot be moved by copying its bits.
private struct Weak: Sendable {
    weak let object: Counted?
}

@Suite("The value of a future", .serialized)
struct FutureValueTests {
    private func check<Value: Equatable & Sendable>(_ value: Value) throws {
        let future = Future.returned(value)
        #expect(try future.get() == value)
        // It is still there for the next one who asks.
        #expect(try future.get() == value)
        #expect("\(future)" == "Future(finished: \(value))")
    }

    @Test("is given to each who asks, whatever its type")
    func types() throws {
        try check(5)
        try check(true)
        try check(UInt8(255))
        try check(2.5)
        try check(Int128.max)
        try check("a string")
        try check("a string that is too long to lie in its own two words")
        try check([1, 2, 3])
        try check(Optional<[String]>.none)
        try check(["a": [1.5]])
        try check(Big())
        try check(Optional(Big()))
        try Future.returned(()).get()
    }

    @Test("is found where it was put, be it the slot or a box")
    func found() throws {
        // Has room in the slot; the box takes everything.
        let text = "a string that is too long to lie in its own two words"
        for place in [ValueSlot.Place.slot, .box] {
            var slot = ValueSlot()
            slot.put(text, in: place)
            #expect(slot.value(as: String.self, in: place) == text)
            slot.empty(of: String.self, in: place)
        }
        let array = try SharedArray(0..<100)
        let future = Future.returned(array)
        #expect(try future.get().elementsEqual(0..<100))
        #expect(array.elementsEqual(0..<100))
    }

    @Test("lies in the future if it is small and can be moved")
    func places() {
        func place<Value>(_ type: Value.Type) -> ValueSlot.Place { ValueSlot.place(for: type) }
        #expect(place(Int.self) == .slot && place(String.self) == .slot && place([Big].self) == .slot)
        #expect(place(Void.self) == .slot && place(Counted.self) == .slot && place(Int?.self) == .slot)
        #expect(place(Big.self) == .box && place(Weak.self) == .box && place(Int128.self) == .box)
    }

    @Test("lives as long as its future, and no longer")
    func lifetime() throws {
        var one: Future<Counted>? = .returned(Counted())
        var several: Future<[Counted]>? = .returned((0..<3).map { _ in Counted() })
        var boxed: Future<(Counted, Counted, Counted)>? = .returned((Counted(), Counted(), Counted()))
        var kept: Counted? = try one!.get()
        #expect(Counted.count.load(ordering: .relaxed) == 7)
        one = nil
        #expect(Counted.count.load(ordering: .relaxed) == 7)
        let weakly = Future.returned(Weak(object: kept))
        #expect(try weakly.get().object === kept)
        kept = nil
        #expect(Counted.count.load(ordering: .relaxed) == 6)
        #expect(try weakly.get().object == nil)
        several = nil
        #expect(Counted.count.load(ordering: .relaxed) == 3)
        boxed = nil
        #expect(Counted.count.load(ordering: .relaxed) == 0)
        _ = (one, several, boxed, kept)
    }

    @Test("outlives its future, of which it may be the last thing that is asked")
    func temporary() async throws {
        for n in 0..<200 {
            let name = "a name that is too long for a small string, number \(n)"
            #expect(try await Future.returned(Big(name: name)).value == Big(name: name))
            #expect(try await Future.returned([name, name]).result.get() == [name, name])
            #expect("\(Future.returned(Big(name: name)))".contains(name))
            try read(name)
        }
    }

    private func read(_ name: String) throws {
        #expect(try Future.returned((name, name, Big(name: name))).get().2 == Big(name: name))
        #expect(try Future.returned([name]).get() == [name])
    }

    @Test("is not destroyed in a future that has none, also where it would be in a box")
    func none() throws {
        let failed: Future<Big> = TestControl().future()
        failed.complete(throwing: TestError())
        #expect(throws: TestError.self) { try failed.get() }
        let cancelled: Future<Big> = TestControl().future()
        #expect(cancelled.cancel())
        #expect(throws: CancellationError.self) { try cancelled.get() }
        let pending: Future<Big> = TestControl().future()
        #expect(!pending.isDone)
    }
}
