extension WorkerLink {
    /// The worker says that the pool's initializer threw.
    ///
    /// - Throws: ``ChannelFailure`` if it cannot have meant that.
    func receivedInitializerFailure(_ payload: Payload) throws(ChannelFailure) {
        guard !isReady, initializerFailure == nil, let failure = try? InitializerFailure(payload) else {
            throw ChannelFailure(message: "it told of an initializer that cannot have failed so")
        }
        initializerFailure = failure
    }
}

extension PoolError {
    /// Why the pool is broken, if a worker's end was that of the pool's initializer; else `nil`.
    ///
    /// - Parameters:
    ///   - status: how the worker ended; `nil` if nobody saw it.
    ///   - initializer: what it was to run before its first task.
    static func initializerFailed(
        _ link: WorkerLink,
        status: ExitStatus?,
        initializer: EncodedStartupCall?,
        standardError: String
    ) -> PoolError? {
        guard let initializer else { return nil }
        var error: PoolError
        if let failure = link.initializerFailure {
            let name = initializer.displayName
            error = PoolError(.brokenPool, "the initializer failed: \(name) threw \(failure.description)")
            error.underlying = failure.error
        } else if let status, !link.isReady, !link.isUnwanted, link.channel.stage == .initializing {
            let process = "the worker process" + (link.pid.map { " \($0)" } ?? "")
            let name = initializer.displayName
            error = PoolError(.brokenPool, "the initializer failed: \(process) \(status.sentence) while it ran \(name)")
            error.signal = status.signal == 0 ? nil : status.signal
            error.exitCode = status.exitCode
        } else {
            return nil
        }
        error.pid = link.pid
        error.standardError = standardError.isEmpty ? nil : standardError
        return error
    }
}
