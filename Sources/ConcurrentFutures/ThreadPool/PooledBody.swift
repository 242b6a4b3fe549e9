/// A function that stays in this process.
enum PooledFunction<Input, Output: Sendable>: Sendable {
    case sync(@Sendable (Input) throws -> Output)
    case async(@Sendable (Input) async throws -> Output)

    var isAsync: Bool { if case .async = self { true } else { false } }

    func callAsFunction(_ input: Input) throws -> Output {
        guard case .sync(let function) = self else { preconditionFailure("an async function is called with call(_:)") }
        return try function(input)
    }

    func call(_ input: Input) async throws -> Output {
        switch self {
        case .sync(let function): try function(input)
        case .async(let function): try await function(input)
        }
    }
}

/// One call of a function that stays in this process, with the arguments that its closure captures.
struct PooledCall<Output: Sendable>: SingleBody {
    let function: PooledFunction<Void, Output>

    init(_ function: PooledFunction<Void, Output>) {
        self.function = function
    }

    var isAsync: Bool { function.isAsync }

    func runItem(_ index: Int) throws -> Output {
        try function(())
    }

    func runItemAsync(_ index: Int) async throws -> Output {
        try await function.call(())
    }
}

/// Several calls of a function that stays in this process.
struct PooledBatch<Item: Sendable, ItemOutput: Sendable>: BatchBody {
    typealias Output = BatchOutcome<ItemOutput>

    let function: PooledFunction<Item, ItemOutput>
    let items: [Item]

    var isAsync: Bool { function.isAsync }
    var itemCount: Int { items.count }

    func runItem(_ index: Int) throws -> ItemOutput {
        try function(items[index])
    }

    func runItemAsync(_ index: Int) async throws -> ItemOutput {
        try await function.call(items[index])
    }
}
