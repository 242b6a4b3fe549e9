/// Takes one task after another from the channel, runs it and answers.
///
/// It is one Swift task on the worker's task thread: a function that is not `async` is called without anything in between, and yet runs
/// inside a `Task`.
///
/// It is made on one thread and then belongs to the task thread, on which alone it runs: that is what the unchecked conformance rests on.
final class WorkerLoop: @unchecked Sendable {
    let channel: any TaskChannel
    let call: CallInProgress
    let limits: WorkerLimits
    private let initializer: StartupMessage?
    private var isReady = false
    private var functions: FunctionTable
    var outcome = BinaryEncoder()

    /// - Parameters:
    ///   - initializer: what is run before the first task.
    ///   - functions: those that are known already.
    init(
        _ channel: any TaskChannel,
        _ call: CallInProgress,
        _ limits: WorkerLimits,
        initializer: StartupMessage?,
        functions: FunctionTable
    ) {
        self.channel = channel
        self.call = call
        self.limits = limits
        self.initializer = initializer
        self.functions = functions
        outcome.setSource(channel.resultFiles)
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
                guard let function = try functions.function(request.header.functionNumber) else {
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
        functions.define(number, definition)
    }

    /// How a call has ended.
    struct CallEnd {
        /// Whether it was stopped; the host drops its outcome then.
        var wasStopped: Bool
        var lateness = ReplyHeader.Lateness.none
    }

    /// - Returns: whether the call was stopped.
    private func runSingle(_ function: BoundFunction, _ request: IncomingRequest) async -> Bool {
        let sequence = request.header.sequence
        let attempt = Int(request.header.attempt)
        let end = await run(
            function,
            request.payload,
            request.attachments,
            CallNumber(sequence: sequence, item: nil),
            attempt,
            request.timing
        )
        send(.outcome, sequence: sequence, lateness: end.lateness)
        return end.wasStopped
    }

    /// Makes one call, and puts its outcome into `outcome`.
    func run(
        _ function: BoundFunction,
        _ encodedArguments: UnsafeRawBufferPointer,
        _ attachments: Attachments,
        _ number: CallNumber,
        _ attempt: Int,
        _ timing: RequestTiming
    ) async -> CallEnd {
        if call.begin(number) {
            Outcome.append(error: CancellationError(), to: &outcome)
            _ = call.end()
            return CallEnd(wasStopped: true)
        }
        let start = timing.isNone ? 0 : monotonicNanoseconds()
        WorkerContext.enterTask(attempt: attempt, deadline: timing.end(startingAt: start))
        limits.taskBegins(channel)
        defer { limits.taskEnds() }
        outcome.allowAttachments()
        var arguments = BinaryDecoder(encodedArguments, attachments: attachments)
        if function.isAsync {
            await function.runAsync(&arguments, outcome: &outcome, stage: channel.note)
        } else {
            function.run(&arguments, outcome: &outcome, stage: channel.note)
        }
        let wasStopped = call.end()
        return CallEnd(wasStopped: wasStopped, lateness: timing.isNone ? .none : timing.lateness(startingAt: start))
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
    func send(_ kind: ReplyHeader.Kind, sequence: UInt64, lateness: ReplyHeader.Lateness = .none) {
        do {
            let attachments = outcome.takeAttachments()
            let file = outcome.completeFile()
            let runs = outcome.runs
            try outcome.withUnsafeBytes { bytes in
                var payload = ReplyPayload(bytes)
                payload.attachments = attachments
                payload.file = file
                payload.runs = runs
                try channel.reply(kind, sequence: sequence, lateness: lateness, payload: payload)
            }
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
            try! outcome.withUnsafeBytes {
                try channel.reply(kind, sequence: sequence, lateness: lateness, payload: ReplyPayload($0))
            }
        }
        outcome.removeAll(keepingCapacity: outcome.count <= Self.largestKeptBuffer)
    }

    /// A buffer that grew beyond this for one result is given back.
    private static let largestKeptBuffer = 1 << 20
}

extension RequestTiming {
    var isNone: Bool { timeout == 0 && deadline == 0 }

    /// When a call will be stopped, on the clock of ``monotonicNanoseconds()``; 0 for never.
    fileprivate func end(startingAt start: UInt64) -> UInt64 {
        if timeout == 0 { return deadline }
        return deadline == 0 ? start + timeout : min(start + timeout, deadline)
    }

    /// What a call that ends now has exceeded.
    fileprivate func lateness(startingAt start: UInt64) -> ReplyHeader.Lateness {
        let now = monotonicNanoseconds()
        if deadline != 0, now >= deadline { return .deadline }
        return timeout != 0 && now >= start + timeout ? .timeout : .none
    }
}
