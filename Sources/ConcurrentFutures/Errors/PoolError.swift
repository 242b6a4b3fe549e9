/// What went wrong in a pool, as opposed to in a task's own function.
///
/// An error that a task's function throws arrives as itself (or as a ``RemoteError`` where its type is not `Codable`), and a
/// cancelled task's future fails with `CancellationError`. Everything else is a `PoolError`. It is a struct, so that it can
/// grow; switch over its ``code``.
public struct PoolError: Error, Sendable {
    /// The kind of failure.
    public struct Code: Hashable, Codable, Sendable, CustomStringConvertible {
        private enum Base: String, Codable {
            case workerCrashed, brokenPool, shutdown, timedOut, encodingFailed, decodingFailed, capturedValues
            case unsupportedFunction, unsupportedHost, invalidConfiguration, workerMisbehaved
            case queueFull, memoryLimitExceeded, cpuTimeLimitExceeded, resourcesExhausted
        }

        private let base: Base

        /// The worker process died while it ran the task.
        public static let workerCrashed = Code(base: .workerCrashed)
        /// No worker lives and none can be started; or the pool's initializer or preload has failed, which it would in each worker.
        public static let brokenPool = Code(base: .brokenPool)
        /// The task was submitted after the executor had been shut down.
        public static let shutdown = Code(base: .shutdown)
        /// A task ran longer than its timeout, or had not ended by its deadline; or the time limit of a wait passed.
        public static let timedOut = Code(base: .timedOut)
        /// An argument or a result could not be encoded.
        public static let encodingFailed = Code(base: .encodingFailed)
        /// An argument or a result could not be decoded.
        public static let decodingFailed = Code(base: .decodingFailed)
        /// The function is a closure that captures a value, which cannot cross to another process.
        public static let capturedValues = Code(base: .capturedValues)
        /// The function cannot be named in another process for another reason than a captured value.
        public static let unsupportedFunction = Code(base: .unsupportedFunction)
        /// This program cannot host worker processes.
        public static let unsupportedHost = Code(base: .unsupportedHost)
        /// An option given to an executor makes no sense.
        public static let invalidConfiguration = Code(base: .invalidConfiguration)
        /// A worker wrote something that a worker never writes.
        public static let workerMisbehaved = Code(base: .workerMisbehaved)
        /// As many tasks as the pool takes at a time have not ended.
        public static let queueFull = Code(base: .queueFull)
        /// The task's worker took more memory than its limit allows.
        public static let memoryLimitExceeded = Code(base: .memoryLimitExceeded)
        /// The task took more processor time than its limit allows.
        public static let cpuTimeLimitExceeded = Code(base: .cpuTimeLimitExceeded)
        /// This program had no file descriptors or no memory left for a task's arguments or its result.
        public static let resourcesExhausted = Code(base: .resourcesExhausted)

        /// The name of the code.
        public var description: String { base.rawValue }
    }

    /// The kind of failure.
    public var code: Code
    /// What happened and what to do about it, as a sentence.
    public var message: String
    /// The signal that ended the worker, if one did.
    public var signal: Int32?
    /// The exit code of the worker, if it exited.
    public var exitCode: Int32?
    /// The process identifier of the worker.
    public var pid: Int32?
    /// What the worker wrote to its standard error during the task: its beginning and its end, if it was long.
    public var standardError: String?
    /// The error behind this one.
    public var underlying: (any Error)? {
        get { (cause as? DeferredError)?.error ?? cause }
        set { cause = newValue }
    }
    /// Why the earlier attempts of the task failed, the first one first; see ``RetryPolicy``. Of more than 64, the first and the last 32. They
    /// are not kept where the last attempt failed with an error that is no `PoolError`.
    public var previousFailures: [any Error] = []
    /// If a deadline was missed, when that was, on the clock of ``monotonicNanoseconds()``: by it a `map` knows its own deadline from others.
    var missedDeadline: UInt64?
    /// What ``underlying`` gives; it may be a ``DeferredError``.
    private var cause: (any Error)?

    /// Creates an error.
    public init(
        _ code: Code,
        _ message: String,
        signal: Int32? = nil,
        exitCode: Int32? = nil,
        pid: Int32? = nil,
        standardError: String? = nil,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.signal = signal
        self.exitCode = exitCode
        self.pid = pid
        self.standardError = standardError
        cause = underlying
    }
}

extension PoolError: CustomStringConvertible {
    /// The message, with the tail of the worker's standard error where there is one.
    public var description: String {
        guard let standardError, !standardError.isEmpty else { return "\(code): \(message)" }
        return "\(code): \(message)\n--- standard error of the worker ---\n\(standardError)"
    }
}

/// Travels between processes: a pool inside a task may fail there. The error behind it arrives as a ``RemoteError``.
extension PoolError: Codable {
    private enum CodingKeys: CodingKey {
        case code, message, signal, exitCode, pid, standardError, underlying, previousFailures, missedDeadline
    }

    /// Reads an error that ``encode(to:)`` wrote.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        code = try container.decode(Code.self, forKey: .code)
        message = try container.decode(String.self, forKey: .message)
        signal = try container.decodeIfPresent(Int32.self, forKey: .signal)
        exitCode = try container.decodeIfPresent(Int32.self, forKey: .exitCode)
        pid = try container.decodeIfPresent(Int32.self, forKey: .pid)
        standardError = try container.decodeIfPresent(String.self, forKey: .standardError)
        underlying = try container.decodeIfPresent(RemoteError.self, forKey: .underlying)
        missedDeadline = try container.decodeIfPresent(UInt64.self, forKey: .missedDeadline)
        previousFailures = try container.decodeIfPresent([RemoteError].self, forKey: .previousFailures) ?? []
    }

    /// Writes the error; the one behind it is written as a ``RemoteError``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(signal, forKey: .signal)
        try container.encodeIfPresent(exitCode, forKey: .exitCode)
        try container.encodeIfPresent(pid, forKey: .pid)
        try container.encodeIfPresent(standardError, forKey: .standardError)
        try container.encodeIfPresent(underlying.map { RemoteError($0) }, forKey: .underlying)
        try container.encodeIfPresent(missedDeadline, forKey: .missedDeadline)
        if !previousFailures.isEmpty {
            try container.encode(previousFailures.map { RemoteError($0) }, forKey: .previousFailures)
        }
    }
}
