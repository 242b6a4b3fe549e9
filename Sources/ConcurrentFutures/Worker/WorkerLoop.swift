/// Takes one task after another from the channel, runs it and answers.
///
/// It is one Swift task on the worker's task thread: a function that is not `async` is called without anything in between, and yet runs
/// inside a `Task`.
///
/// It is made on one thread and then belongs to the task thread, on which alone it runs: that is what the unchecked conformance rests on.
final class WorkerLoop: @unchecked Sendable {
    private let channel: any TaskChannel
    private let call: CallInProgress
    private let limits: WorkerLimits
    private let initializer: StartupMessage?
    private var isReady = false
    /// By their numbers.
    private var functions: [Result<BoundFunction, any Error>?] = []
    private var outcome = BinaryEncoder()

    /// - Parameter initializer: what is run before the first task.
    init(
        _ channel: any TaskChannel,
        _ call: CallInProgress,
        _ limits: WorkerLimits,
        initializer: StartupMessage?
    ) {
        self.channel = channel
        self.call = call
        self.limits = limits
        self.initializer = initializer
    }

    /// To be called on the task thread, before ``run()``.
    func prepareThread() {
        limits.prepareTaskThread()
    }

    /// Ends the process when the host asks for it; returns when a call was stopped, and wants to be called again by a fresh Swift task.
    func run() async {
        if !isReady {
            await initialize()
            if let baseline = limits.memoryBaseline { outcome.append(baseline) }
            send(.ready, sequence: 0)
            isReady = true
        }
        while let request = channel.nextRequest(define: define) {
            var wasStopped = false
            do {
                guard let function = try functions[Int(request.header.functionNumber)]?.get() else {
                    fatalError("a task came before its function")
                }
                if request.header.flags & RequestHeader.Flags.batch.rawValue != 0 {
                    wasStopped = await runBatch(function, request)
                } else {
                    wasStopped = await runSingle(function, request)
                }
            } catch {
                fail(request, error)
            }
            channel.note(.idle)
            if wasStopped { return }
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

    /// - Returns: whether the call was stopped.
    private func runSingle(_ function: BoundFunction, _ request: IncomingRequest) async -> Bool {
        let sequence = request.header.sequence
        var arguments = BinaryDecoder(request.payload)
        WorkerContext.enterTask(attempt: Int(request.header.attempt), deadline: request.timing.end)
        let wasStopped = await run(function, &arguments, CallNumber(sequence: sequence, item: nil))
        send(.outcome, sequence: sequence)
        return wasStopped
    }

    /// - Returns: whether an item was stopped, so that the items behind it are given back.
    private func runBatch(_ function: BoundFunction, _ request: IncomingRequest) async -> Bool {
        let start = monotonicNanoseconds()
        let sequence = request.header.sequence
        var items = BinaryDecoder(request.payload)
        for index in 0..<request.header.itemCount {
            guard let item = try? items.readItem() else { fatalError("a batch is shorter than its items") }
            guard index >= request.header.firstItem else { continue }
            if request.timing.timeout != 0 { channel.noteItemStart() }
            var arguments = BinaryDecoder(item)
            let attempt = index == request.header.firstItem ? Int(request.header.attempt) : 1
            WorkerContext.enterTask(attempt: attempt, deadline: request.timing.end)
            guard await !run(function, &arguments, CallNumber(sequence: sequence, item: index)) else {
                send(.stoppedItem, sequence: sequence)
                return true
            }
            send(.item, sequence: sequence)
        }
        outcome.append(monotonicNanoseconds() - start)
        send(.batchEnd, sequence: sequence)
        return false
    }

    /// Makes one call, and puts its outcome into `outcome`.
    ///
    /// - Returns: whether it was stopped; the host drops its outcome then.
    private func run(_ function: BoundFunction, _ arguments: inout BinaryDecoder, _ number: CallNumber) async -> Bool {
        if call.begin(number) {
            Outcome.append(error: CancellationError(), to: &outcome)
            _ = call.end()
            return true
        }
        limits.taskBegins(channel)
        defer { limits.taskEnds() }
        if function.isAsync {
            await function.runAsync(&arguments, outcome: &outcome, stage: channel.note)
        } else {
            function.run(&arguments, outcome: &outcome, stage: channel.note)
        }
        return call.end()
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

extension RequestTiming {
    /// When a call that begins now will be stopped, on the clock of ``monotonicNanoseconds()``; 0 for never.
    fileprivate var end: UInt64 {
        if timeout == 0 { return deadline }
        let end = monotonicNanoseconds() + timeout
        return deadline == 0 ? end : min(end, deadline)
    }
}
