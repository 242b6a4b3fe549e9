extension PoolError {
    /// A task's arguments could not be sent to any worker.
    init(unsendable task: PoolTask, _ error: SystemError) {
        self.init(
            error.isShortage ? .resourcesExhausted : .encodingFailed,
            """
            \(task.options.place): the arguments of \(task.function.displayName), of \(task.argumentBytes) bytes, could not be sent: \(error)\
            \(error.isShortage ? "; " + Self.advice : "")
            """,
            underlying: error
        )
    }

    private static let advice = "this program has used up its descriptors (see ulimit -n) or its memory"

    /// A task has run, and its result has come, but this program has no room for it.
    init(lostResultOf task: PoolTask, _ shortage: SystemError) {
        self.init(
            .resourcesExhausted,
            """
            \(task.options.place): \(task.function.displayName) ran, but this program could not take its result in: \(shortage); \
            \(Self.advice)
            """,
            underlying: shortage
        )
    }
}

extension PoolCore {
    /// That there are fewer workers than there should be, and why.
    var shortage: String {
        """
        the pool works on with \(machine.readyWorkerCount) of \(machine.configuration.maxWorkers) workers, and tries again to start more: \
        \(brokenReason?.message ?? "")
        """
    }
}

extension PoolTask {
    /// What a worker tells as the outcome of the task; an error in its place if that is lost for want of descriptors or memory here.
    func outcome(_ reply: Reply) -> Payload {
        switch reply.received {
        case .success(let payload):
            return payload
        case .failure(let shortage):
            var encoder = BinaryEncoder()
            Outcome.append(error: PoolError(lostResultOf: self, shortage), to: &encoder)
            return .bytes(encoder.takeBytes())
        }
    }
}
