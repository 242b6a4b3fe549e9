/// What a process pool can be told besides the number of its workers and how they start.
///
/// ```swift
/// let options = ProcessPoolOptions(timeout: .seconds(30), memoryLimit: 2 << 30, environment: ["OMP_NUM_THREADS": "1"])
/// try await withProcessPool(maxWorkers: 8, options: options) { pool in … }
/// ```
///
/// An option that makes no sense is refused by the pool's initializer, with a ``PoolError`` of the code
/// ``PoolError/Code/invalidConfiguration`` that names it.
public struct ProcessPoolOptions: Sendable {
    // MARK: Time

    /// How long each task may run, from its start; more than zero. A `timeout` that is given with a task goes before it.
    public var timeout: Duration?
    /// How long a task that is cancelled or has run out of time is given to end by itself: it is asked to stop, at half of the time its
    /// worker gets SIGTERM, and at the end SIGKILL. Zero kills at once. It must not be longer than ``timeout``.
    ///
    /// `nil` is one second, or the ``timeout`` if that is shorter.
    public var gracePeriod: Duration?

    // MARK: Life of a worker

    /// After how many tasks a worker is replaced by a new one, at least 1; a chunk of a `map` counts as one. For functions that leak.
    public var maxTasksPerWorker: Int?
    /// After how long without work a worker ends, more than zero; the pool's `minWorkers` stay. `nil` keeps all workers.
    public var idleTimeout: Duration?

    // MARK: Back-pressure

    /// How many tasks the pool holds that have not ended, at least 1; items of a `map` that travel together count as one. Over it `submit`
    /// fails its future with ``PoolError/Code/queueFull``, and `run` and `map` wait.
    public var maxPending: Int?
    /// How many bytes the arguments of tasks that have not ended take together, at least 1; else as ``maxPending``.
    ///
    /// While they are fewer, another task is let in whatever its size, which is known only once its arguments are encoded. So the limit may be exceeded by
    /// one task for each thread or Swift task that submits at that moment, and a task that is bigger than the limit is taken, too.
    public var maxPendingBytes: Int?

    // MARK: Limits of a worker

    /// How many bytes a worker may take, at least 1 MiB: resident memory of its own, beyond what it had at its birth. A task that takes more
    /// fails with ``PoolError/Code/memoryLimitExceeded``, and its worker is replaced.
    ///
    /// A worker's memory is watched while it runs tasks, every few milliseconds when it comes near the limit. What an initializer or an
    /// earlier task has left there counts; what was preloaded, memory that is shared (among it big arrays that are arguments, as long as
    /// they are only read) and what processes take that a task starts do not.
    /// Behind the watch the system refuses a worker memory, used or not, of more than five quarters of the limit and 256 MiB; a crash of
    /// that is told in the same way. That is a limit of resources (`RLIMIT_DATA`), which each process that a task starts inherits, and
    /// which it cannot raise.
    public var memoryLimit: Int?
    /// How much processor time each task may use, on all threads of its worker together; more than zero. A task that uses more fails with
    /// ``PoolError/Code/cpuTimeLimitExceeded``, and its worker is replaced.
    ///
    /// The worker gets the signal SIGXCPU, which ends it unless the task handles it, and after one more second of processor time
    /// SIGKILL. The system looks some hundred times a second. What processes use that a task starts does not count.
    public var cpuTimeLimit: Duration?
    /// How much nicer workers are than this program, from 0 to 19: the higher, the more others go before them.
    public var niceness: Int?
    /// The numbers of the processors that workers may use, which must be among those that this program may use.
    public var processors: Set<Int>?

    // MARK: Surroundings of a worker

    /// Changes to this program's environment, as workers see it; `nil` removes a variable.
    public var environment: [String: String?]
    /// The directory that workers start in; `nil` for this program's own. A relative path starts at this program's.
    public var workingDirectory: String?
    /// Where the standard error of workers goes.
    public var standardError: WorkerStandardError

    /// Creates options; what is not given has its default. Each parameter is described at the property of its name.
    public init(
        timeout: Duration? = nil,
        gracePeriod: Duration? = nil,
        maxTasksPerWorker: Int? = nil,
        idleTimeout: Duration? = nil,
        maxPending: Int? = nil,
        maxPendingBytes: Int? = nil,
        memoryLimit: Int? = nil,
        cpuTimeLimit: Duration? = nil,
        niceness: Int? = nil,
        processors: Set<Int>? = nil,
        environment: [String: String?] = [:],
        workingDirectory: String? = nil,
        standardError: WorkerStandardError = .capture
    ) {
        self.timeout = timeout
        self.gracePeriod = gracePeriod
        self.maxTasksPerWorker = maxTasksPerWorker
        self.idleTimeout = idleTimeout
        self.maxPending = maxPending
        self.maxPendingBytes = maxPendingBytes
        self.memoryLimit = memoryLimit
        self.cpuTimeLimit = cpuTimeLimit
        self.niceness = niceness
        self.processors = processors
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.standardError = standardError
    }
}
