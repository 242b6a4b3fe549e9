/// `withTaskCancellationHandler` for functions that stay on their caller's executor.
///
/// A closure that is handed to that function where the code itself is on no actor by its declaration runs on Swift's own pool: whoever
/// waits on an actor would leave it to fall asleep elsewhere. One that captures the isolation it is called in stays there.
nonisolated(nonsending) func withCancellationHandler<Output>(
    _ operation: nonisolated(nonsending) () async throws -> Output,
    onCancel: @Sendable () -> Void
) async rethrows -> Output {
    try await withCancellationHandler(operation, onCancel: onCancel, isolation: #isolation)
}

private func withCancellationHandler<Output>(
    _ operation: nonisolated(nonsending) () async throws -> Output,
    onCancel: @Sendable () -> Void,
    isolation: isolated (any Actor)?
) async rethrows -> Output {
    try await withTaskCancellationHandler(
        operation: {
            _ = isolation
            return try await operation()
        },
        onCancel: onCancel
    )
}
