/// The functions and types that the table of forms refers to.

func square(_ n: Int) -> Int { n * n }
func add(_ a: Int, _ b: Int) -> Int { a + b }
func greet(_ name: String, _ times: Int, _ mark: Character.Wrapped) throws -> [String] {
    Array(repeating: name + mark.text, count: times)
}
func fail(_ n: Int) throws -> Int { throw FormError(number: n) }
func squareLater(_ n: Int) async -> Int {
    await Task.yield()
    return n * n
}
func failLater(_ n: Int) async throws -> Int {
    await Task.yield()
    throw FormError(number: n)
}
func nothing(_ n: Int) {}
func nothingLater(_ n: Int) async { await Task.yield() }
func constant() -> Int { 42 }
func constantLater() async -> Int { 42 }
func twice<T: Numeric>(_ n: T) -> T { n + n }
func twiceLater<T: Numeric>(_ n: T) async -> T { n + n }
func first<T: Collection>(_ elements: T) -> T.Element? { elements.first }
func label(text: String, _ number: Int = 3) -> String { "\(text)\(number)" }
@Sendable func sendableSquare(_ n: Int) -> Int { n * n }
@inlinable func inlinableSquare(_ n: Int) -> Int { n * n }
@inline(never) func opaque<T>(_ value: T) -> T { value }
@MainActor func mainActorSquare(_ n: Int) -> Int { n * n }
private func privateSquare(_ n: Int) -> Int { n * n }
func squareOfPrivate(_ n: Int) -> Int { privateSquare(n) }

extension Character {
    struct Wrapped: Codable, Sendable { var text: String }
}

struct FormError: Error, Codable, Equatable { var number: Int }

struct Point: Codable, Sendable, Hashable {
    var x = 1
    var y = 2
    static let origin = Point(x: 0, y: 0)
    static func twice(_ n: Int) -> Int { 2 * n }
    static func twiceLater(_ n: Int) async -> Int { 2 * n }
    static func + (a: Point, b: Point) -> Point { Point(x: a.x + b.x, y: a.y + b.y) }
    func scaled(by n: Int) -> Point { Point(x: x * n, y: y * n) }
    func norm() -> Int { x * x + y * y }
    var sum: Int { x + y }
}

enum Shape: Codable, Sendable, Equatable {
    case circle(radius: Int)
    case square(Int)
    static func make(_ n: Int) -> Shape { .square(n) }
}

final class Counter: Codable, Sendable {
    let start: Int
    init(start: Int) { self.start = start }
    func next(_ n: Int) -> Int { start + n }
    static func zero(_ n: Int) -> Int { n - n }
    class func one(_ n: Int) -> Int { 1 }
}

actor Account {
    let balance = 10
    func deposit(_ n: Int) -> Int { balance + n }
}

protocol Shouting: SendableMetatype {
    static func shout(_ text: String) -> String
}

extension Shouting {
    static func whisper(_ text: String) -> String { text.lowercased() }
}

extension Point: Shouting {
    static func shout(_ text: String) -> String { text.uppercased() }
}

struct Box<T: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
    var content: T
    static func wrap(_ content: T) -> Box { Box(content: content) }
}

enum Constants {
    static let closure: @Sendable (Int) -> Int = { $0 * 3 }
    static let reference: @Sendable (Int) -> Int = square
    static let later: @Sendable (Int) async -> Int = { $0 * 3 }
    static var computed: @Sendable (Int) -> Int { { $0 * 4 } }
}

@inline(never) func makeCFunctionPointer() -> @convention(c) @Sendable (Int32) -> Int32 { { $0 * $0 } }

// MARK: - Helpers that pass a function on

func forwardSome(
    _ sink: some FormSink,
    _ function: @escaping @Sendable (Int) throws -> Int,
    _ n: Int
) async throws -> Int {
    try await sink.submit(function, n)
}

func forwardPack<each A: Codable & Sendable, R: Codable & Sendable>(
    _ sink: any FormSink,
    _ function: @escaping @Sendable (repeat each A) throws -> R,
    _ arguments: repeat each A
) async throws -> R {
    try await sink.submit(function, repeat each arguments)
}

func forwardPackLater<each A: Codable & Sendable, R: Codable & Sendable>(
    _ sink: some FormSink,
    _ function: @escaping @Sendable (repeat each A) async throws -> R,
    _ arguments: repeat each A
) async throws -> R {
    try await sink.submit(function, repeat each arguments)
}

func forwardPackTwice<each A: Codable & Sendable, R: Codable & Sendable>(
    _ sink: any FormSink,
    _ function: @escaping @Sendable (repeat each A) throws -> R,
    _ arguments: repeat each A
) async throws -> R {
    try await forwardPack(sink, function, repeat each arguments)
}

// Specialized, it would pass the function on as it is.
@_semantics("optimize.sil.specialize.generic.never")
@inline(never)
func forwardGeneric<A: Codable & Sendable, R: Codable & Sendable>(
    _ sink: any FormSink,
    _ function: @escaping @Sendable (A) throws -> R,
    _ argument: A
) async throws -> R {
    try await sink.submit(function, argument)
}

// Specialized, it would pass the function on as it is.
@_semantics("optimize.sil.specialize.generic.never")
@inline(never)
func forwardGenericLater<A: Codable & Sendable, R: Codable & Sendable>(
    _ sink: any FormSink,
    _ function: @escaping @Sendable (A) async throws -> R,
    _ argument: A
) async throws -> R {
    try await sink.submit(function, argument)
}

func forwardClosure(
    _ sink: any FormSink,
    _ n: Int,
    _ function: @escaping @Sendable (Int) -> Int
) async throws -> Int {
    try await sink.submit({ function($0) + 1 }, n)
}
