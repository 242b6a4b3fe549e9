extension FunctionForm {
    /// Forms that capture something. What the optimizer can see through is another matter, so that each value is opaque.
    static let refused: [FunctionForm] = values + methods + functions

    private static let values: [FunctionForm] = [
        .refuses("a literal that captures an integer") { sink in
            let k = opaque(3)
            return try await sink.submit({ $0 * k }, 5)
        },
        .refuses("a literal that captures a small integer") { sink in
            let k: UInt8 = opaque(3)
            return try await sink.submit({ $0 * Int(k) }, 5)
        },
        .refuses("a literal that captures a string") { sink in
            let text = opaque("text")
            return try await sink.submit({ text + $0 }, "a")
        },
        .refuses("a literal that captures an array") { sink in
            let numbers = opaque([1, 2])
            return try await sink.submit({ numbers[$0] }, 1)
        },
        .refuses("a literal that captures a struct") { sink in
            let point = opaque(Point())
            return try await sink.submit({ point.scaled(by: $0) }, 5)
        },
        .refuses("a literal that captures an enum") { sink in
            let shape = opaque(Shape.square(3))
            return try await sink.submit({ $0 == shape }, Shape.square(2))
        },
        .refuses("a literal that captures a class") { sink in
            let counter = opaque(Counter(start: 1))
            return try await sink.submit({ counter.next($0) }, 5)
        },
        .refuses("a literal that captures an optional class") { sink in
            let counter: Counter? = opaque(Counter(start: 1))
            return try await sink.submit({ counter?.next($0) ?? 0 }, 5)
        },
        .refuses("a literal that captures a weak reference") { sink in
            let counter = opaque(Counter(start: 1))
            defer { _ = opaque(counter) }
            return try await sink.submit({ [weak counter] in counter?.next($0) ?? 0 }, 5)
        },
        .refuses("a literal that captures an actor") { sink in
            let account = opaque(Account())
            return try await sink.submit({ await account.deposit($0) }, 5)
        },
        .refuses("a literal that captures an existential") { sink in
            let value: any Sendable & CustomStringConvertible = opaque(3)
            return try await sink.submit({ "\($0)\(value)" }, 5)
        },
        .refuses("a literal that captures two values") { sink in
            let (a, b) = opaque((3, "x"))
            return try await sink.submit({ "\($0)\(a)\(b)" }, 5)
        },
        .refuses("a literal that captures a variable") { sink in
            nonisolated(unsafe) var count = opaque(3)
            count += 1
            return try await sink.submit({ $0 + count }, 5)
        },
        .refuses("an async literal that captures an integer") { sink in
            let k = opaque(3)
            return try await sink.submit({ await squareLater($0) * k }, 5)
        },
        .refuses("a literal that captures the sink") { sink in
            try await sink.submit({ "\(type(of: sink)) \($0)" }, 5)
        },
        .refuses("a literal that captures a metatype") { sink in
            let type: any Shouting.Type = opaque(Point.self)
            return try await sink.submit({ type.shout($0) }, "a")
        },
        .refuses("a local function that captures an integer") { sink in
            let k = opaque(3)
            @Sendable func local(_ n: Int) -> Int { n * k }
            return try await sink.submit(local, 5)
        },
        .mayRefuse("a literal that captures a constant", .value, 15) { sink in
            let k = 3
            return try await sink.submit({ $0 * k }, 5)
        },
        .mayRefuse("a key path", .value, 3) { sink in
            let function: @Sendable (Point) -> Int = \.sum
            return try await sink.submit(function, Point())
        },
        .mayRefuse("a key path of the standard library", .value, 2) { sink in
            let function: @Sendable (String) -> Int = \.count
            return try await sink.submit(function, "ab")
        },
    ]

    private static let methods: [FunctionForm] = [
        .refuses("a method of a struct") { sink in
            let point = opaque(Point())
            return try await sink.submit(point.scaled(by:), 5)
        },
        .refuses("a method of a class") { sink in
            let counter = opaque(Counter(start: 1))
            return try await sink.submit(counter.next, 5)
        },
        .refuses("a method without arguments") { sink in
            let point = opaque(Point())
            return try await sink.submit(point.norm)
        },
        .refuses("a method of a string") { sink in
            let text = opaque("text")
            return try await sink.submit({ text.hasPrefix($0) }, "t")
        },
    ]

    private static let functions: [FunctionForm] = [
        .refuses("a literal that captures a literal that captures") { sink in
            let k = opaque(3)
            return try await forwardClosure(sink, 5) { $0 * k }
        },
        .refuses("a literal that captures two functions") { sink in
            let functions = opaque((Constants.closure, Constants.reference))
            let (f, g) = functions
            return try await sink.submit({ f(g($0)) }, 5)
        },
        .refuses("a C function pointer", .foreignFunction) { sink in
            let pointer: @convention(c) @Sendable (Int32) -> Int32 = makeCFunctionPointer()
            return try await sink.submit(pointer, 5)
        },
        .refuses("a literal that captures a C function pointer", .foreignFunction) { sink in
            let pointer: @convention(c) @Sendable (Int32) -> Int32 = makeCFunctionPointer()
            return try await sink.submit({ pointer($0) + 1 }, 5)
        },
        .refuses("a literal that captures an optional function", .foreignFunction) { sink in
            let function: (@Sendable (Int) -> Int)? = opaque(Constants.closure)
            return try await sink.submit({ function?($0) ?? 0 }, 5)
        },
        .refuses("a function, through a generic helper", .genericBindings) { try await forwardGeneric($0, square, 5) },
        .refuses("a literal, through a generic helper", .genericBindings) {
            try await forwardGeneric($0, { $0 + 1 }, 5)
        },
        .refuses("an async function, through a generic helper", .genericBindings) {
            try await forwardGenericLater($0, squareLater, 5)
        },
    ]
}
