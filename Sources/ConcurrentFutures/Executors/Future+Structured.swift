extension Future {
    /// The value; cancelling the waiting task cancels the call, and the wait goes on until the call has ended.
    nonisolated(nonsending) func outcomeCancellingTask() async throws -> Value {
        try await withTaskCancellationHandler {
            try await completed().get()
        } onCancel: {
            cancel()
        }
    }
}
