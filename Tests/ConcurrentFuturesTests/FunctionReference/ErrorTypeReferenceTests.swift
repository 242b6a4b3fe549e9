import Foundation
import Testing

@testable import ConcurrentFutures

private struct PrivateError: Error, Codable { var n = 1 }
private enum PrivateEnumError: String, Error, Codable { case a }
private final class PrivateClassError: Error, Codable {}
private struct GenericError<T: Codable & Sendable>: Error, Codable { var content: T }
private struct PackError<each T: Sendable>: Error, Codable {}
private struct SizedError<let size: Int>: Error, Codable {}
private struct FunctionError<T>: Error, Codable {}
private enum Outer<T> {
    struct Inner<U>: Error, Codable {}
}
private typealias TwoInPack = PackError<Int, PrivateError>
private typealias NoneInPack = PackError<>
private typealias OneOfThree = SizedError<3>

private struct NoError: Codable {}
private struct NotCodable: Error {}

@Suite("Types of errors")
struct ErrorTypeReferenceTests {
    struct ErrorType: Sendable, CustomTestStringConvertible {
        let type: any (Error & Codable).Type
        var testDescription: String { "\(type)" }

        init(_ type: any (Error & Codable).Type) { self.type = type }
    }

    static let named: [ErrorType] = {
        struct Local: Error, Codable {}
        let types: [any (Error & Codable).Type] = [
            PrivateError.self, PrivateEnumError.self, PrivateClassError.self, Local.self, PoolError.self,
            RemoteError.self, Refusal.self, GenericError<Int>.self, GenericError<[String: [PrivateError]]>.self,
            GenericError<Local?>.self,
            GenericError<GenericError<Data>>.self, Outer<Int>.Inner<String>.self, TwoInPack.self, NoneInPack.self,
        ]
        return types.map(ErrorType.init)
    }()

    static func sent(_ reference: ErrorTypeReference) throws -> ErrorTypeReference {
        try decoded(ErrorTypeReference.self, from: encoded(reference))
    }

    @Test("a type goes through bytes", arguments: named)
    func roundTrip(type: ErrorType) throws {
        #expect(try Self.sent(ErrorTypeReference(type.type)).resolve() == type.type)
        // The second time it is known.
        #expect(try Self.sent(ErrorTypeReference(type.type)).resolve() == type.type)
    }

    @Test("a type is refused that bytes could make into anything")
    func refused() {
        let types: [any (Error & Codable).Type] = [
            OneOfThree.self, FunctionError<(Int, String)>.self, FunctionError<() -> Void>.self,
            FunctionError<any Error>.self, GenericError<OneOfThree>.self,
        ]
        for type in types {
            #expect(throws: FunctionReferenceError.self) { try ErrorTypeReference(type) }
        }
    }

    /// A reference as no worker would make it.
    private static func forged(_ type: TypeReference) throws -> ErrorTypeReference {
        struct Message: Codable { var type: TypeReference }
        return try decoded(ErrorTypeReference.self, from: encoded(Message(type: type)))
    }

    private static func described(_ type: Any.Type) throws -> TypeReference {
        try TypeReference(describing: type, images: LoadedImages.current)
    }

    @Test("only errors that can be decoded are found")
    func noErrors() throws {
        let types: [Any.Type] = [
            NoError.self, NotCodable.self, Int.self, String.self, JSONDecoder.self, GenericError<Int>?.self,
        ]
        for type in types {
            let forged = try Self.forged(Self.described(type))
            #expect(throws: FunctionReferenceError.self) { try forged.resolve() }
        }
    }

    @Test("names, and arguments that do not fit, lead to nothing")
    func misfits() throws {
        let int = try Self.described(Int.self)
        guard case .nominal(let generic, _) = try Self.described(GenericError<Int>.self),
            case .nominal(let pack, _) = try Self.described(TwoInPack.self),
            case .nominal(let plain, _) = try Self.described(PrivateError.self),
            case .nominal(let sized, _) = try Self.described(OneOfThree.self)
        else {
            Issue.record("all of them are nominal")
            return
        }
        var deep = int
        for _ in 0..<20 { deep = .nominal(generic, arguments: [.type(deep)]) }
        let forgeries: [TypeReference] = [
            .named("$s"), .named("\u{1}abcd"), .named(String(repeating: "Say", count: 1000)), .named(""),
            .named(_mangledTypeName(PoolError.self)!), .tuple([]), .metatype(int),
            .nominal(generic, arguments: []), .nominal(generic, arguments: [.type(int), .type(int)]),
            .nominal(generic, arguments: [.value(7)]), .nominal(generic, arguments: [.pack([int])]),
            .nominal(generic, arguments: [.type(.named("Si"))]), .nominal(generic, arguments: [.type(.tuple([]))]),
            // An argument that does not meet what the parameter asks for.
            .nominal(generic, arguments: [.type(try Self.described(NotCodable.self))]),
            .nominal(plain, arguments: [.type(int)]), .nominal(pack, arguments: [.type(int)]),
            .nominal(pack, arguments: []),
            .nominal(sized, arguments: [.value(3)]), .nominal(sized, arguments: [.value(.max)]),
            .nominal(sized, arguments: [.type(int)]), deep,
        ]
        for forgery in forgeries {
            let forged = try Self.forged(forgery)
            #expect(throws: FunctionReferenceError.self, "\(forgery)") { try forged.resolve() }
        }
    }

    @Test("a place of an image that is not exactly an error's leads to nothing")
    func places() async throws {
        struct Address: Codable {
            var imageName: String
            var imageIdentity: String
            var offset: UInt
        }
        guard case .nominal(let location, _) = try Self.described(PrivateError.self) else {
            Issue.record("it is nominal")
            return
        }
        var address = try decoded(Address.self, from: encoded(location))
        let right = address.offset
        var found = 0
        for (round, distance) in (-1000...1000).enumerated() {
            // The threads that run tests are few.
            if round.isMultiple(of: 500) { await Task.yield() }
            address.offset = right &+ UInt(bitPattern: 4 * distance)
            let forged = try Self.forged(.nominal(decoded(ImageAddress.self, from: encoded(address)), arguments: []))
            guard let type = try? forged.resolve() else { continue }
            found += 1
            // There are other errors nearby.
            #expect(try ErrorTypeReference(type) == forged)
        }
        #expect(found > 0)
        for bit in 0..<64 {
            address.offset = right ^ (1 << bit)
            let forged = try Self.forged(.nominal(decoded(ImageAddress.self, from: encoded(address)), arguments: []))
            _ = try? forged.resolve()
        }
        address.offset = right
        address.imageIdentity = "0123456789abcdef"
        let elsewhere = try Self.forged(.nominal(decoded(ImageAddress.self, from: encoded(address)), arguments: []))
        #expect(throws: FunctionReferenceError.self) { try elsewhere.resolve() }
    }
}
