import Foundation
import Testing

@testable import ConcurrentFutures

private struct PrivateStruct: Codable, Sendable, Hashable { var n = 1 }
private enum PrivateEnum: String, Codable { case a }
private class PrivateClass: Codable {}
private final class PrivateSubclass: PrivateClass {}
private struct PrivateGeneric<T: Codable>: Codable {
    struct Pack<each U> {}
    var content: T
}
private enum PrivateGenericEnum<T, U> { case one(T), two(U) }
private class PrivateGenericClass<T> { var content: T? }
private final class PrivateGenericSubclass<T, U: Hashable>: PrivateGenericClass<[T]> { var other: U? }
private final class PrivateFormatter<T>: Formatter, @unchecked Sendable { var content: T? }
private struct PrivatePack<each T> {
    struct Nested<each U: Hashable> {}
}
private struct PrivateMatrix<let rows: Int, T> { var content: T }
private struct PrivateOuter<T> {
    struct Inner<U> {
        enum Innermost {}
    }
    struct Plain {}
}
private actor PrivateActor {}
private typealias NoArguments = AsyncAction<>
private typealias EmptyPack = PrivateGeneric<Int>.Pack<>
private typealias NegativeMatrix = PrivateMatrix<-3, PrivateStruct>

struct Visible {
    fileprivate struct Inner: Codable, Hashable { var n = 1 }
    struct Generic<T> {}
}

@Suite("Type references")
struct TypeReferenceTests {
    struct LabelledType: Sendable, CustomTestStringConvertible {
        let type: Any.Type
        var testDescription: String { "\(type)" }

        init(_ type: Any.Type) { self.type = type }
    }

    static let local: [LabelledType] = {
        struct Local: Codable {}
        enum LocalEnum {}
        return [Local.self, LocalEnum.self, [Local?].self, PrivateGeneric<Local>.self].map(LabelledType.init)
    }()

    static let visible: [LabelledType] = [
        Int.self, String.self, [String: [Int?]].self, (Int, String).self, Visible.self, Visible.Generic<Int>.self,
        Data.self, (any Error).self, Any.self, AnyObject.self, ((Int) -> String).self, Int.Type.self, Void.self,
        SyncFunction<Int, String>.self, SyncFunction<Int>.self, NoArguments.self, AsyncAction<Int, Int>.self,
        AsyncFunction<Int, String, [[String: Data]]?>.self, Result<Int, any Error>.self, URL.self, Locale.self,
    ].map(LabelledType.init)

    static let hidden: [LabelledType] = [
        PrivateStruct.self, PrivateEnum.self, PrivateClass.self, PrivateSubclass.self, PrivateActor.self,
        PrivateGeneric<Int>.self, PrivateGeneric<PrivateStruct>.self, PrivateGenericEnum<PrivateEnum, [Int]>.self,
        PrivateGenericClass<String>.self, PrivateGenericSubclass<PrivateStruct, PrivateEnum>.self,
        PrivateFormatter<Int>.self, PrivateFormatter<PrivateStruct>.self, Visible.Inner.self, [Visible.Inner].self,
        PrivateOuter<Int>.Plain.self, PrivateOuter<Int>.Inner<PrivateStruct>.self,
        PrivateOuter<PrivateEnum>.Inner<String>.Innermost.self, PrivateMatrix<0, Int>.self, PrivateMatrix<12, Int>.self,
        NegativeMatrix.self, PrivateStruct?.self, [PrivateStruct: [PrivateEnum?]].self,
        (PrivateStruct, Int).self, (first: PrivateStruct, Int, third: PrivateEnum).self, PrivateStruct.Type.self,
        Set<PrivateStruct>.self, Result<PrivateStruct, any Error>.self, Visible.Generic<(Int) -> String>.self,
        Visible.Generic<(PrivateStruct, any Error)>.self,
    ].map(LabelledType.init)

    static let packs: [LabelledType] = [
        SyncFunction<Int, PrivateStruct, [Visible.Inner]>.self, SyncFunction<PrivateStruct>.self,
        AsyncAction<PrivateStruct>.self, AsyncAction<PrivateStruct, PrivateStruct, PrivateEnum>.self,
        EmptyPack.self, PrivateGeneric<Int>.Pack<Int>.self,
        PrivateGeneric<Int>.Pack<Int, PrivateStruct, String>.self,
        PrivatePack<Int, String>.Nested<Bool, PrivateStruct>.self,
    ].map(LabelledType.init)

    @Test("a type goes through bytes", arguments: local + visible + hidden + packs)
    func roundTrip(type: LabelledType) throws {
        let bytes = try JSONEncoder().encode(TypeReference(type.type))
        #expect(try JSONDecoder().decode(TypeReference.self, from: bytes).resolve() == type.type)
    }
}
