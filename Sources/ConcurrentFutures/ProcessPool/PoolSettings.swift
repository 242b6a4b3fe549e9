/// Everything that a process pool was told, found to make sense.
struct PoolSettings: Sendable {
    let maxWorkers: Int
    let minWorkers: Int
    let startMethod: StartMethod
    /// What the names of the pool's threads begin with.
    let name: String
    let options: ProcessPoolOptions
    let initializer: EncodedStartupCall?
    let preload: EncodedStartupCall?
    /// How long a task may take to end by itself.
    let gracePeriod: Duration
    /// Absolute, so that it means the same whenever a fork server starts.
    let workingDirectory: String?

    /// The limits of a task that has none of its own, if the pool has some.
    let usualLimits: TaskLimits?

    /// A task's options, with the pool's timeout if they have none.
    func completed(_ options: TaskOptions) -> TaskOptions {
        usualLimits.map(options.completed) ?? options
    }

    private static let usualGracePeriod = Duration.seconds(1)

    /// - Throws: ``PoolError`` with the code `invalidConfiguration`, naming the option that makes no sense, its value and what is allowed.
    init(
        maxWorkers: Int?,
        minWorkers: Int,
        startMethod: StartMethod,
        name: String,
        initializer: StartupCall? = nil,
        preload: PreloadCall? = nil,
        options: ProcessPoolOptions
    ) throws(PoolError) {
        try options.validate()
        let available = AvailableProcessors.count()
        let maxWorkers = maxWorkers ?? min(available, options.processors?.count ?? available)
        guard maxWorkers > 0 else {
            throw .invalid("maxWorkers is \(maxWorkers); a pool needs at least 1 worker")
        }
        guard (0...maxWorkers).contains(minWorkers) else {
            throw .invalid(
                "minWorkers is \(minWorkers); it must be between 0 and maxWorkers, which is \(maxWorkers)"
            )
        }
        if preload != nil, startMethod == .spawn {
            throw .invalid(
                """
                preload is given and startMethod is .spawn; workers that are not forked share nothing with the fork server, so use \
                startMethod .forkServer, or an initializer
                """
            )
        }
        self.initializer = try initializer.map { call throws(PoolError) in
            try EncodedStartupCall(call.body, call.options, as: "initializer")
        }
        self.preload = try preload.map { call throws(PoolError) in
            try EncodedStartupCall(call.body, call.options, as: "preload")
        }
        self.maxWorkers = maxWorkers
        self.minWorkers = minWorkers
        self.startMethod = startMethod
        self.name = name
        self.options = options
        gracePeriod = options.gracePeriod ?? min(Self.usualGracePeriod, options.timeout ?? Self.usualGracePeriod)
        usualLimits = options.timeout.map { TaskLimits(timeout: $0, deadline: nil, retry: nil) }
        workingDirectory = options.workingDirectory.map(Directory.absolutePath)
    }
}
