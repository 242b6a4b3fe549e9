/// How an ``InlineExecutor`` makes the calls of one task, with their attempts.
struct InlineCalls {
    let function: BoundFunction
    let options: TaskOptions

    /// The files that belong to the arguments.
    let attachments: Attachments

    /// Makes a call.
    ///
    /// - Returns: its ``Outcome``, or what it ended with in place of one.
    func run(_ item: UnsafeRawBufferPointer) -> Result<Payload, any Error> {
        guard let limits = options.limits else { return .success(call(item)) }
        var attempts = InlineAttempts(options, limits)
        while let attempt = attempts.next() {
            attempts.end(attempt, with: call(item))
            if let instant = attempts.nextInstant, !Self.wait(until: instant) { attempts.cancel() }
        }
        return Self.outcome(of: attempts)
    }

    private func call(_ item: UnsafeRawBufferPointer) -> Payload {
        EncoderCache.withEncoder { outcome in
            outcome.allowAttachments()
            var arguments = BinaryDecoder(item, attachments: attachments)
            function.run(&arguments, outcome: &outcome, stage: { _ in })
            return outcome.takePayload()
        }
    }

    /// Waits for the next attempt at a synchronous call, whose caller waits for all of them.
    ///
    /// - Returns: `false` if the `Task` that it is made in, if any, was cancelled.
    private static func wait(until instant: UInt64) -> Bool {
        let slice: UInt64 = 10_000_000
        while !Task.isCancelled {
            let now = monotonicNanoseconds()
            guard now < instant else { return true }
            blockUntil(min(instant, now + slice))
        }
        return false
    }

    /// The same for a function of either kind.
    func runAsync(_ item: UnsafeRawBufferPointer, _ task: InlineTask) async -> Result<Payload, any Error> {
        // The bytes stay where they are until this returns.
        nonisolated(unsafe) let item = item
        guard let limits = options.limits else { return .success(await callAsync(item)) }
        var attempts = InlineAttempts(options, limits)
        while let attempt = attempts.next() {
            attempts.end(attempt, with: await task.run(until: attempt.endInstant) { await callAsync(item) })
            if let instant = attempts.nextInstant, await !task.wait(until: instant) { attempts.giveUp() }
        }
        return Self.outcome(of: attempts)
    }

    private func callAsync(_ item: UnsafeRawBufferPointer) async -> Payload {
        var outcome = BinaryEncoder()
        outcome.allowAttachments()
        var arguments = BinaryDecoder(item, attachments: attachments)
        await function.runAsync(&arguments, outcome: &outcome, stage: { _ in })
        return outcome.takePayload()
    }

    private static func outcome(of attempts: InlineAttempts) -> Result<Payload, any Error> {
        guard let outcome = attempts.outcome else { preconditionFailure("a call has ended without an outcome") }
        return outcome
    }
}
