private struct PrivateJob: Codable, Sendable, Equatable {
    var number: Int
    static func run(_ job: PrivateJob) -> PrivateJob { PrivateJob(number: job.number * 2) }
}

extension FunctionForm {
    /// Every form that names a function without a captured value: the same in unoptimized and optimized code.
    static let accepted: [FunctionForm] = literals + references + asynchronous + results + forwarded

    private static let literals: [FunctionForm] = [
        .accepts("a literal", 25) { try await $0.submit({ n in n * n }, 5) },
        .accepts("a literal with a shorthand argument", 6) { try await $0.submit({ $0 + 1 }, 5) },
        .accepts("a trailing literal without arguments", 42) { try await $0.submit { 42 } },
        .accepts("a literal of two arguments", 12) { try await $0.submit({ $0 * $1 }, 3, 4) },
        .accepts("a literal of three arguments", "a1.5true") {
            try await $0.submit({ "\($0)\($1)\($2)" }, "a", 1.5, true)
        },
        .accepts("a literal that calls a function", 36) { try await $0.submit({ n in square(n) }, 6) },
        .accepts("a literal of several statements", 10) {
            try await $0.submit(
                { (n: Int) -> Int in
                    var sum = 0
                    for k in 0..<n { sum += k }
                    return sum
                },
                5
            )
        },
        .accepts("a literal that holds a literal", [2, 4]) { try await $0.submit({ $0.map { $0 * 2 } }, [1, 2]) },
        .accepts("a literal that reads a static constant", 7) { try await $0.submit({ $0 + Point.origin.x }, 7) },
        .accepts("a literal with a struct", Point(x: 2, y: 2)) {
            try await $0.submit({ (p: Point) in Point(x: p.x + 1, y: p.y) }, Point())
        },
        .accepts("a literal with a tuple in its body", 3) {
            try await $0.submit(
                { n in
                    let pair = (n, n + 1)
                    return pair.0 + pair.1
                },
                1
            )
        },
        .accepts("a literal that throws nothing but may", 5) {
            try await $0.submit({ n in try JSONNumber.check(n) }, 5)
        },
        .accepts("a literal marked @Sendable", 10) { try await $0.submit({ @Sendable (n: Int) in n * 2 }, 5) },
        .accepts("a literal with an empty capture list", 10) { try await $0.submit({ [] (n: Int) in n * 2 }, 5) },
        .accepts("a literal in a literal", 10) { sink in
            let outer = { try await sink.submit({ (n: Int) in n * 2 }, 5) }
            return try await outer()
        },
    ]

    private static let references: [FunctionForm] = [
        .accepts("a global function", 49) { try await $0.submit(square, 7) },
        .accepts("a global function of two arguments", 7) { try await $0.submit(add, 3, 4) },
        .accepts("a throwing global function of three arguments", ["a!", "a!"]) {
            try await $0.submit(greet, "a", 2, Character.Wrapped(text: "!"))
        },
        .accepts("a global function without arguments", 42) { try await $0.submit(constant) },
        .accepts("a @Sendable global function", 49) { try await $0.submit(sendableSquare, 7) },
        .accepts("an inlinable function", 49) { try await $0.submit(inlinableSquare, 7) },
        .accepts("a function that calls a private one", 49) { try await $0.submit(squareOfPrivate, 7) },
        .accepts("a function named with its labels", "a3") { try await $0.submit(label(text:_:), "a", 3) },
        .accepts("a generic function", 16) { try await $0.submit(twice, 8) },
        .accepts("a generic function of another type", 3.0) { try await $0.submit(twice, 1.5) },
        .accepts("a generic function with an associated type", Int?(1)) { try await $0.submit(first, [1, 2]) },
        .accepts("a function of the standard library", 9) { try await $0.submit(max, 4, 9) },
        .accepts("an operator", 13) { try await $0.submit(+, 4, 9) },
        .accepts("an operator of one's own", Point(x: 2, y: 4)) { try await $0.submit(+, Point(), Point()) },
        .accepts("a static method", 18) { try await $0.submit(Point.twice, 9) },
        .accepts("a static method of a class", 0) { try await $0.submit(Counter.zero, 9) },
        .accepts("a class method", 1) { try await $0.submit(Counter.one, 9) },
        .accepts("a static method of a generic struct", Box(content: 3)) { try await $0.submit(Box<Int>.wrap, 3) },
        .accepts("a static requirement", "ABC") { try await $0.submit(Point.shout, "abc") },
        .accepts("a static method of a protocol extension", "abc") { try await $0.submit(Point.whisper, "ABC") },
        .accepts("an initializer", Point(x: 3, y: 4)) { try await $0.submit(Point.init(x:y:), 3, 4) },
        .accepts("an initializer of the standard library", 12.0) { try await $0.submit({ Double($0) }, 12) },
        .accepts("an enum case", Shape.circle(radius: 3)) { try await $0.submit(Shape.circle(radius:), 3) },
        .accepts("a static method of an enum", Shape.square(3)) { try await $0.submit(Shape.make, 3) },
        .accepts("a local @Sendable function", 8) { sink in
            @Sendable func local(_ n: Int) -> Int { n + n }
            return try await sink.submit(local, 4)
        },
        .accepts("a local generic @Sendable function", 8) { sink in
            @Sendable func local<T: Numeric & SendableMetatype>(_ n: T) -> T { n + n }
            return try await sink.submit(local, 4)
        },
        .accepts("a function in a constant", 15) { try await $0.submit(Constants.closure, 5) },
        .accepts("a reference in a constant", 25) { try await $0.submit(Constants.reference, 5) },
        .accepts("a function from a computed property", 20) { try await $0.submit(Constants.computed, 5) },
        .accepts("a literal in a local constant", 15) { sink in
            let local: @Sendable (Int) -> Int = { $0 * 3 }
            return try await sink.submit(local, 5)
        },
        .accepts("a reference in a local constant", 25) { sink in
            let local: @Sendable (Int) throws -> Int = square
            return try await sink.submit(local, 5)
        },
        .accepts("a function out of an array", 25) { sink in
            let all: [@Sendable (Int) -> Int] = opaque([square, { $0 + 1 }])
            return try await sink.submit(all[0], 5)
        },
        .accepts("a function out of an optional", 15) { sink in
            let function: (@Sendable (Int) -> Int)? = opaque(Constants.closure)
            return try await sink.submit(function!, 5)
        },
    ]

    private static let asynchronous: [FunctionForm] = [
        .accepts("an async literal", 26) { try await $0.submit({ n in await squareLater(n) + 1 }, 5) },
        .accepts("an async literal without arguments", 4) { try await $0.submit { await squareLater(2) } },
        .accepts("an async function", 25) { try await $0.submit(squareLater, 5) },
        .accepts("an async function without arguments", 42) { try await $0.submit(constantLater) },
        .accepts("a generic async function", 10) { try await $0.submit(twiceLater, 5) },
        .accepts("a static async method", 10) { try await $0.submit(Point.twiceLater, 5) },
        .accepts("an async function in a constant", 15) { try await $0.submit(Constants.later, 5) },
        .accepts("an async local function", 8) { sink in
            @Sendable func local(_ n: Int) async -> Int { await squareLater(n) / 2 }
            return try await sink.submit(local, 4)
        },
        .accepts("a sync function as an async one", 25) { sink in
            let function: @Sendable (Int) async -> Int = square
            return try await sink.submit(function, 5)
        },
        .accepts("a function of the main actor", 25) { sink in
            let function: @Sendable (Int) async -> Int = mainActorSquare
            return try await sink.submit(function, 5)
        },
        .accepts("a literal with a task group", 30) {
            try await $0.submit(
                { n in
                    await withTaskGroup(of: Int.self) { group in
                        for k in 0...n { group.addTask { await squareLater(k) } }
                        return await group.reduce(0, +)
                    }
                },
                4
            )
        },
    ]

    private static let results: [FunctionForm] = [
        .accepts("a function that returns nothing", ()) { try await $0.submit(nothing, 1) },
        .accepts("a literal that returns nothing", ()) { try await $0.submit({ (n: Int) in nothing(n) }, 1) },
        .accepts("an async function that returns nothing", ()) { try await $0.submit(nothingLater, 1) },
        .accepts("an async literal that returns nothing", ()) { try await $0.submit { await nothingLater(1) } },
        .accepts("a function that throws", FormError(number: 3)) { sink in
            do { return "\(try await sink.submit(fail, 3))" } catch let error as FormError { return "\(error)" }
        },
        .accepts("an async function that throws", FormError(number: 3)) { sink in
            do { return "\(try await sink.submit(failLater, 3))" } catch let error as FormError { return "\(error)" }
        },
        .accepts("a function over a private type", 4) {
            try await $0.submit(PrivateJob.run, PrivateJob(number: 2)).number
        },
        .accepts("a literal over a local type", [6]) { sink in
            struct Local: Codable, Sendable { var n: Int }
            return try await sink.submit({ [Local(n: $0.n * 2)] }, Local(n: 3)).map(\.n)
        },
        .accepts("a function over a class", 5) { try await $0.submit({ Counter(start: $0) }, 5).start },
        .accepts("a function over optionals", Int?.none) {
            try await $0.submit({ (n: Int?) in n.map { $0 + 1 } }, nil)
        },
        .accepts("a function over dictionaries", ["a": [1]]) {
            try await $0.submit({ (key: String) -> [String: [Int]] in [key: [1]] }, "a")
        },
    ]

    private static let forwarded: [FunctionForm] = [
        .accepts("a literal, through some", 6) { try await forwardSome($0, { $0 + 1 }, 5) },
        .accepts("a function, through some", 25) { try await forwardSome($0, square, 5) },
        .accepts("a literal, through a pack", 6) { try await forwardPack($0, { $0 + 1 }, 5) },
        .accepts("a function, through a pack", 25) { try await forwardPack($0, square, 5) },
        .accepts("a function of two arguments, through a pack", 9) { try await forwardPack($0, add, 5, 4) },
        .accepts("a function without arguments, through a pack", 42) { try await forwardPack($0, constant) },
        .accepts("a function, through two packs", 25) { try await forwardPackTwice($0, square, 5) },
        .accepts("an async function, through a pack", 25) { try await forwardPackLater($0, squareLater, 5) },
        .accepts("an async literal, through a pack", 26) {
            try await forwardPackLater($0, { await squareLater($0) + 1 }, 5)
        },
        .accepts("a generic function, through a pack", 10) { try await forwardPack($0, twice, 5) },
        .accepts("a literal that captures a literal", 11) { try await forwardClosure($0, 5) { $0 * 2 } },
        .accepts("a literal that captures a function", 26) { try await forwardClosure($0, 5, square) },
    ]
}

enum JSONNumber {
    static func check(_ n: Int) throws -> Int {
        guard n > 0 else { throw FormError(number: n) }
        return n
    }
}
