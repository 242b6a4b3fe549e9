/// Takes one task after another from the channel, runs it and answers.
///
/// It is one Swift task on the worker's task thread: a function that is not `async` is called without anything in between, and yet runs
/// inside a `Task`.
///
/// It is made on one thread and then belongs to the task thread, on which alone it runs: that is what the unchecked conformance rests on.
final class WorkerLoop: @unchecked Sendable {
    private let channel: any TaskChannel
    private let initializer: StartupMessage?
    /// By their numbers.
    private var functions: [Result<BoundFunction, any Error>?] = []
    private var outcome = BinaryEncoder()

    /// - Parameter initializer: what is run before the first task.
    init(_ channel: any TaskChannel, initializer: StartupMessage?) {
        self.channel = channel
        self.initializer = initializer
    }

    /// Ends the process when the host asks for it.
    func run() async -> Never {
        await initialize()
        send(.ready, sequence: 0)
        while let request = channel.nextRequest(define: define) {
            do {
                guard let function = try functions[Int(request.header.functionNumber)]?.get() else {
                    fatalError("a task came before its function")
                }
                if request.header.flags & RequestHeader.Flags.batch.rawValue != 0 {
                    await runBatch(function, request)
                } else {
                    await runSingle(function, request)
                }
            } catch {
                fail(request, error)
            }
            channel.note(.idle)
        }
        CurrentProcess.flushStandardStreams()
        CurrentProcess.end(code: 0)
    }

    /// Ends the process if the pool's initializer throws.
    private func initialize() async {
        guard let initializer else { return }
        // If it ends the process, this tells the host that it was the initializer that did.
        channel.note(.initializing)
        do {
            try await initializer.runAsync()
        } catch {
            InitializerFailure.append(error, to: &outcome)
            CurrentProcess.flushStandardStreams()
            send(.initializerFailed, sequence: 0)
            CurrentProcess.end(code: 0)
        }
        channel.note(.idle)
    }

    private func define(_ number: UInt32, _ definition: UnsafeRawBufferPointer) {
        while functions.count <= Int(number) { functions.append(nil) }
        functions[Int(number)] = Result { try BoundFunction.find(definition: definition) }
    }

    private func runSingle(_ function: BoundFunction, _ request: IncomingRequest) async {
        var arguments = BinaryDecoder(request.payload)
        await call(function, &arguments)
        send(.outcome, sequence: request.header.sequence)
    }

    private func runBatch(_ function: BoundFunction, _ request: IncomingRequest) async {
        let start = monotonicNanoseconds()
        var items = BinaryDecoder(request.payload)
        for index in 0..<request.header.itemCount {
            guard let item = try? items.readItem() else { fatalError("a batch is shorter than its items") }
            guard index >= request.header.firstItem else { continue }
            var arguments = BinaryDecoder(item)
            await call(function, &arguments)
            send(.item, sequence: request.header.sequence)
        }
        outcome.append(monotonicNanoseconds() - start)
        send(.batchEnd, sequence: request.header.sequence)
    }

    private func call(_ function: BoundFunction, _ arguments: inout BinaryDecoder) async {
        if function.isAsync {
            await function.runAsync(&arguments, outcome: &outcome, stage: channel.note)
        } else {
            function.run(&arguments, outcome: &outcome, stage: channel.note)
        }
    }

    /// Answers a request whose function this process does not have.
    private func fail(_ request: IncomingRequest, _ error: any Error) {
        let failure = PoolError(
            .unsupportedFunction,
            "the worker has no such function: \((error as? FunctionReferenceError)?.message ?? String(describing: error))"
        )
        let sequence = request.header.sequence
        guard request.header.flags & RequestHeader.Flags.batch.rawValue != 0 else {
            Outcome.append(error: failure, to: &outcome)
            return send(.outcome, sequence: sequence)
        }
        for _ in request.header.firstItem..<request.header.itemCount {
            Outcome.append(error: failure, to: &outcome)
            send(.item, sequence: sequence)
        }
        outcome.append(UInt64(0))
        send(.batchEnd, sequence: sequence)
    }

    /// Sends what has been put into `outcome`, or, if that cannot be sent, why.
    private func send(_ kind: ReplyHeader.Kind, sequence: UInt64) {
        do {
            try outcome.withUnsafeBytes { try channel.reply(kind, sequence: sequence, payload: $0) }
        } catch {
            let size = outcome.count
            outcome.removeAll(keepingCapacity: false)
            let failure = PoolError(
                .encodingFailed,
                "the task ran, but its result of \(size) bytes could not be sent: \(error)",
                underlying: error
            )
            Outcome.append(error: failure, to: &outcome)
            // A failure's few bytes need no memory file, and nothing else can fail.
            try! outcome.withUnsafeBytes { try channel.reply(kind, sequence: sequence, payload: $0) }
        }
        outcome.removeAll(keepingCapacity: outcome.count <= Self.largestKeptBuffer)
    }

    /// A buffer that grew beyond this for one result is given back.
    private static let largestKeptBuffer = 1 << 20
}
