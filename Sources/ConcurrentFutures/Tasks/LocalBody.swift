/// What a task does in this process: one call of a function, or a batch of calls that each have an outcome.
///
/// A task that has limits makes its calls one by one, since each is timed and repeated by itself.
@usableFromInline
protocol LocalBody<Output>: Sendable {
    /// The outcome of one call.
    associatedtype ItemOutput: Sendable
    /// The outcome of the task.
    associatedtype Output: Sendable

    var isAsync: Bool { get }
    /// How many calls there are, and in how many parts the outcome comes: one, or one for each item of a batch.
    var itemCount: Int { get }

    /// Makes all calls, on the current thread; only for functions that are not `async`.
    func run() throws -> Output
    /// Makes all calls, whatever the function.
    func runAsync() async throws -> Output

    /// Makes one of the calls, on the current thread; only for functions that are not `async`.
    func runItem(_ index: Int) throws -> ItemOutput
    /// Makes one of the calls, whatever the function.
    func runItemAsync(_ index: Int) async throws -> ItemOutput
    /// Makes the task's outcome of those of its calls.
    static func output(of outcomes: [Result<ItemOutput, any Error>], duration: Duration) throws -> Output
}

/// One call.
@usableFromInline
protocol SingleBody: LocalBody where ItemOutput == Output {}

extension SingleBody {
    @usableFromInline
    var itemCount: Int { 1 }

    @usableFromInline
    func run() throws -> Output {
        try runItem(0)
    }

    @usableFromInline
    func runAsync() async throws -> Output {
        try await runItemAsync(0)
    }

    @usableFromInline
    static func output(of outcomes: [Result<Output, any Error>], duration: Duration) throws -> Output {
        try outcomes[0].get()
    }
}

/// Several calls of one function.
protocol BatchBody: LocalBody where Output == BatchOutcome<ItemOutput> {}

extension BatchBody {
    func run() throws -> BatchOutcome<ItemOutput> {
        BatchOutcome(ofCalls: itemCount) { try runItem($0) }
    }

    func runAsync() async throws -> BatchOutcome<ItemOutput> {
        await BatchOutcome(ofCalls: itemCount) { try await runItemAsync($0) }
    }

    static func output(
        of outcomes: [Result<ItemOutput, any Error>],
        duration: Duration
    ) throws -> BatchOutcome<ItemOutput> {
        BatchOutcome(results: outcomes, duration: duration)
    }
}

/// The outcomes of a batch, in the order of its items.
struct BatchOutcome<Output: Sendable>: Sendable {
    /// The last item's first: so a map gives them out, which lets go of each as it does.
    let reversed: [Result<Output, any Error>]
    /// How long the items took together.
    let duration: Duration

    init(reversed: [Result<Output, any Error>], duration: Duration) {
        self.reversed = reversed
        self.duration = duration
    }

    init(results: [Result<Output, any Error>], duration: Duration) {
        self.init(reversed: results.reversed(), duration: duration)
    }
}

extension BatchOutcome {
    /// Makes some calls in this process; those that had not been begun when the batch was cancelled are not made.
    init(ofCalls count: Int, _ call: (Int) throws -> Output) {
        let start = ContinuousClock.now
        let results = (0..<count).map { index in
            Task.isCancelled ? .failure(CancellationError()) : Result { try call(index) }
        }
        self.init(results: results, duration: .now - start)
    }

    /// The same for an `async` function.
    init(ofCalls count: Int, _ call: (Int) async throws -> Output) async {
        let start = ContinuousClock.now
        var results: [Result<Output, any Error>] = []
        results.reserveCapacity(count)
        for index in 0..<count {
            do {
                try Task.checkCancellation()
                results.append(.success(try await call(index)))
            } catch {
                results.append(.failure(error))
            }
        }
        self.init(results: results, duration: .now - start)
    }
}
