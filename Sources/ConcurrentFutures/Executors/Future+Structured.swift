extension Future {
    /// The value; cancelling the waiting task cancels the call, and the wait goes on until the call has ended.
    nonisolated(nonsending) func outcomeCancellingTask() async throws -> Value {
        try await withCancellationHandler {
            do {
                return try await value
            } catch is CancellationError where Task.isCancelled {
                // Perhaps only the waiting was cancelled. From here on nobody is in a hurry.
                await waitUntilDone()
                return try await value
            }
        } onCancel: {
            cancel()
        }
    }
}
