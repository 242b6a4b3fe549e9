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
    // Lent to each call for as long as it takes. What that calls has no way back to the loop, so no access overlaps another, and none is checked.
    @exclusivity(unchecked) var outcome = BinaryEncoder()

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

    /// Serves on the calling thread, which becomes the task thread, until the host asks for the end.
    ///
    /// - Parameter onEnd: is called then, before anything is cleared away.
    func serve(onEnd: @escaping @Sendable () -> Void) {
        limits.prepareTaskThread()
        let operation = { @Sendable in
            if await self.run() { return true }
            onEnd()
            return false
        }
        TaskThread().run(operation, onStart: call.follow)
    }

    /// - Returns: whether a call was stopped, so that this is to be called again by a fresh Swift task; `false` when the host asks for the end.
    private func run() async -> Bool {
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
                    let number = CallNumber(sequence: request.header.sequence, item: nil)
                    let attempt = Int(request.header.attempt)
                    let planned = PlannedCall(function, request.payload, number, attempt, of: request)
                    let ended = function.isAsync ? await runAsync(planned) : runHere(planned)
                    send(.outcome, sequence: request.header.sequence, lateness: ended.lateness)
                    wasStopped = ended.wasStopped
                }
            } catch {
                fail(request, error)
            }
            channel.note(.idle)
            if request.header.flags & RequestHeader.Flags.last.rawValue != 0 { return false }
            if wasStopped { return true }
        }
        return false
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

    // MARK: One call

    /// One call that is to be made.
    struct PlannedCall: ~Copyable {
        /// Known to the loop for as long as it runs.
        unowned(unsafe) let function: BoundFunction
        let encodedArguments: UnsafeRawBufferPointer
        let attachments: Attachments
        let origin: UnsafePointer<ByteOrigin>?
        let number: CallNumber
        let attempt: Int
        let timing: RequestTiming

        init(
            _ function: BoundFunction,
            _ encodedArguments: UnsafeRawBufferPointer,
            _ number: CallNumber,
            _ attempt: Int,
            of request: borrowing IncomingRequest
        ) {
            self.function = function
            self.encodedArguments = encodedArguments
            self.number = number
            self.attempt = attempt
            attachments = request.attachments
            origin = request.origin
            timing = request.timing
        }

        var decoder: BinaryDecoder {
            BinaryDecoder(encodedArguments, attachments: attachments, origin: origin)
        }
    }

    /// How a call has ended.
    struct CallEnd {
        /// Whether it was stopped; the host drops its outcome then.
        var wasStopped: Bool
        var lateness = ReplyHeader.Lateness.none
    }

    /// Makes one call of a function that is not `async`, and puts its outcome into `outcome`.
    func runHere(_ planned: borrowing PlannedCall) -> CallEnd {
        guard let start = begin(planned) else { return CallEnd(wasStopped: true) }
        var arguments = planned.decoder
        planned.function.run(&arguments, outcome: &outcome) { channel.note($0) }
        return end(planned, startedAt: start)
    }

    /// The same for functions that are `async`: to call this takes a tenth of the time that a short task takes here.
    func runAsync(_ planned: borrowing PlannedCall) async -> CallEnd {
        guard let start = begin(planned) else { return CallEnd(wasStopped: true) }
        var arguments = planned.decoder
        await planned.function.runAsync(&arguments, outcome: &outcome) { channel.note($0) }
        return end(planned, startedAt: start)
    }

    /// - Returns: when it begins, if it has a limit of time; `nil` if it has been stopped already.
    private func begin(_ planned: borrowing PlannedCall) -> UInt64? {
        if call.begin(planned.number) {
            Outcome.append(error: CancellationError(), to: &outcome)
            _ = call.end()
            return nil
        }
        let start = planned.timing.isNone ? 0 : monotonicNanoseconds()
        WorkerContext.enterTask(attempt: planned.attempt, deadline: planned.timing.end(startingAt: start))
        limits.taskBegins(channel)
        outcome.allowAttachments()
        return start
    }

    private func end(_ planned: borrowing PlannedCall, startedAt start: UInt64) -> CallEnd {
        let wasStopped = call.end()
        let timing = planned.timing
        let lateness = timing.isNone ? .none : timing.lateness(startingAt: start)
        limits.taskEnds()
        return CallEnd(wasStopped: wasStopped, lateness: lateness)
    }

    // MARK: Answers

    /// Answers a request whose function this process does not have.
    private func fail(_ request: borrowing IncomingRequest, _ error: any Error) {
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
        if !outcome.hasAttachments, outcome.count <= ChannelLayout.largestInlinePayload {
            // Of few bytes nothing can fail.
            try! outcome.withUnsafeBytes {
                try channel.reply(kind, sequence: sequence, lateness: lateness, payload: ReplyPayload($0))
            }
            return outcome.removeAll(keepingCapacity: true)
        }
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
