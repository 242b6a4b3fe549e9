/// How an ``InlineExecutor`` makes the calls of one task, with their attempts.
struct InlineCalls {
    let function: BoundFunction
    let options: TaskOptions

    /// Makes a call and appends its outcome.
    ///
    /// - Returns: What the call ended with in place of an outcome of its own; then nothing is appended.
    func run(_ item: UnsafeRawBufferPointer, to outcome: inout BinaryEncoder) -> (any Error)? {
        guard let limits = options.limits else {
            var arguments = BinaryDecoder(item)
            function.run(&arguments, outcome: &outcome, stage: { _ in })
            return nil
        }
        var attempts = InlineAttempts(options, limits)
        while let attempt = attempts.next() {
            var outcome = BinaryEncoder()
            var arguments = BinaryDecoder(item)
            function.run(&arguments, outcome: &outcome, stage: { _ in })
            attempts.end(attempt, with: outcome.takeBytes())
            if let instant = attempts.nextInstant, !Self.wait(until: instant) { attempts.cancel() }
        }
        return append(attempts.outcome, to: &outcome)
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
    func runAsync(
        _ item: UnsafeRawBufferPointer,
        to outcome: inout BinaryEncoder,
        _ task: InlineTask
    ) async -> (any Error)? {
        guard let limits = options.limits else {
            var arguments = BinaryDecoder(item)
            await function.runAsync(&arguments, outcome: &outcome, stage: { _ in })
            return nil
        }
        // The bytes stay where they are until this returns.
        nonisolated(unsafe) let item = item
        var attempts = InlineAttempts(options, limits)
        while let attempt = attempts.next() {
            let bytes = await task.run(until: attempt.endInstant) {
                var outcome = BinaryEncoder()
                var arguments = BinaryDecoder(item)
                await function.runAsync(&arguments, outcome: &outcome, stage: { _ in })
                return outcome.takeBytes()
            }
            attempts.end(attempt, with: bytes)
            if let instant = attempts.nextInstant, await !task.wait(until: instant) { attempts.giveUp() }
        }
        return append(attempts.outcome, to: &outcome)
    }

    private func append(_ result: Result<[UInt8], any Error>?, to outcome: inout BinaryEncoder) -> (any Error)? {
        switch result {
        case .success(let bytes):
            bytes.withUnsafeBytes { outcome.append(contentsOf: $0) }
            return nil
        case .failure(let error):
            return error
        case nil:
            preconditionFailure("a call has ended without an outcome")
        }
    }
}
