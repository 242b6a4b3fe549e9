// How a call crosses.
//
//  your process                                      fork server                worker k
// ┌───────────────────────────────────────────┐     ┌──────────────┐          ┌───────────────────────────┐
// │ submit ─ EncodedCall ─▶ PoolCore ◀─lock─┐ │     │ this program │  fork    │ WorkerLoop: take a frame, │
// │           (PoolStateMachine decides)    │ │exec │ stopped just ├─────────▶│ find the function, decode,│
// │                │                        │ ├────▶│ before main  │          │ run, encode               │
// │                ▼                        │ │     └──────┬───────┘          └───▲────────────────┬──────┘
// │        request ring k ══════════════════╪═╪════════════╪══════════════════════╛                │
// │                                         │ │            │ started, ended                        │
// │ Future ◀─ PoolDriver ◀── reply ring k ══╪═╪════════════╪════════════════════════════════════════╛
// │           (one thread) ─────────────────┘ │            │
// │             ▲  ▲                          │            │
// │             │  └── doorbells (one a worker)            │
// │             └───── control socket ◀───────┼────────────┘
// └───────────────────────────────────────────┘
//
// - Whoever submits encodes the call outside of any lock, then, under the pool's lock, lets the state machine decide where it goes and
//   writes it into that worker's request ring, or leaves it in the backlog. While no worker has room it leaves the call in the inbox, for whoever has the lock next.
// - One thread at a time reads the reply rings: the driver or, for some microseconds, one that waits for a task, which spares two changes of thread. It
//   gives each future its outcome as bytes; who awaits the future decodes them.
// - Only the worker writes replies and only the host writes requests, so that nothing a worker does to its memory reaches another.
// - The fork server starts, watches and reaps the workers; it knows nothing of tasks.

/// Runs tasks in worker processes: a crash costs one task, and each task has a processor, an address space and C libraries of its own.
///
/// ```swift
/// try await withProcessPool(maxWorkers: 3) { pool in
///     print(try await pool.run(square, 12))
/// }
/// ```
///
/// Workers are this program itself, stopped before its `main`, so that every function of it is there; they are started when
/// they are needed. Variables at the top level of a `main.swift` are initialised by `main`, and do not exist in a worker.
///
/// A task whose worker dies fails with a ``PoolError`` of the code ``PoolError/Code/workerCrashed``; all others go on.
///
/// Dropping the executor without a shutdown loses nothing: what was submitted is done, then the workers go.
public final class ProcessPoolExecutor: PoolExecutor, ScopedExecutor {
    let driver: PoolDriver
    private let settings: PoolSettings

    /// Makes a pool; its workers are started when they are needed.
    ///
    /// - Parameters:
    ///   - maxWorkers: how many worker processes there are at most; `nil` for as many as there are processors they may
    ///     use, by this process's affinity mask, the quota of its control group, and the option ``ProcessPoolOptions/processors``.
    ///   - minWorkers: how many are started at once and kept, so that they stand ready.
    ///   - startMethod: how a worker is started.
    ///   - name: what the names of the pool's threads begin with.
    ///   - initializer: what runs once in each worker, before its first task. If it fails, the pool is broken: whatever waits and
    ///     whatever comes fails with ``PoolError/Code/brokenPool`` and the reason.
    ///   - preload: what runs once in the fork server before it forks a worker, so that all workers share what it leaves in memory. It
    ///     runs again in a new fork server if one was lost. If it fails, the pool is broken too. Only with ``StartMethod/forkServer``.
    ///   - options: limits of time and memory, surroundings of the workers, and more.
    /// - Throws: ``PoolError`` with the code ``PoolError/Code/invalidConfiguration`` for an option that makes no sense, and
    ///   ``PoolError/Code/unsupportedHost`` if this program loaded the library at run time, with
    ///   `dlopen`, is linked statically as a whole, or runs with other rights than its user's.
    public init(
        maxWorkers: Int? = nil,
        minWorkers: Int = 0,
        startMethod: StartMethod = .forkServer,
        name: String = "cf-process",
        initializer: StartupCall? = nil,
        preload: PreloadCall? = nil,
        options: ProcessPoolOptions = ProcessPoolOptions()
    ) throws {
        settings = try PoolSettings(
            maxWorkers: maxWorkers,
            minWorkers: minWorkers,
            startMethod: startMethod,
            name: name,
            initializer: initializer,
            preload: preload,
            options: options
        )
        if let obstacle = OwnProgram.obstacle { throw PoolError(.unsupportedHost, obstacle) }
        do {
            driver = try PoolDriver(settings)
        } catch {
            throw PoolError(.brokenPool, "the pool cannot be made: \(error)", underlying: error)
        }
        driver.start()
    }

    /// How many worker processes there are at most; see ``resize(to:)``.
    public var maxWorkers: Int { isForked ? settings.maxWorkers : driver.maxWorkers }

    deinit {
        if !isForked { driver.shutDown(cancelPending: false) }
    }

    private var isForked: Bool { driver.isForked }

    /// Encodes the call and hands it to a worker, or keeps it until one is free.
    ///
    /// It costs the encoding and, unless it is left to who has the lock, the pool's lock and, if the worker sleeps, one system call. It waits for no lock.
    public func enqueue<Output: Sendable>(_ call: TaskCall<Output>, options: TaskOptions) -> Future<Output> {
        do {
            try checkThatNotForked(options)
            let options = settings.completed(options)
            try driver.entrance?.enter(options)
            return send(call, options)
        } catch {
            return Future(failed: error)
        }
    }

    /// Takes a task as ``enqueue(_:options:)`` does, but first waits while the pool has as many as its options allow.
    public nonisolated(nonsending) func enqueueWhenRoom<Output: Sendable>(
        _ call: TaskCall<Output>,
        options: TaskOptions
    ) async -> Future<Output> {
        do {
            try checkThatNotForked(options)
            let options = settings.completed(options)
            if let defect = options.defect { throw defect }
            try await driver.entrance?.enterWhenRoom(options)
            return send(call, options)
        } catch is CancellationError {
            return .cancelled()
        } catch {
            return Future(failed: error)
        }
    }

    private func checkThatNotForked(_ options: TaskOptions) throws(PoolError) {
        guard isForked else { return }
        throw PoolError(
            .unsupportedHost,
            """
            \(options.place): this process was forked from the one that made the pool, and cannot use it; make a pool of its own
            """
        )
    }

    /// Sends a task that was let in.
    private func send<Output: Sendable>(_ call: TaskCall<Output>, _ options: TaskOptions) -> Future<Output> {
        do {
            return try driver.submit(call, options: options)
        } catch {
            driver.entrance?.leave()
            return Future(failed: error)
        }
    }

    /// Stops taking tasks, and returns when all that were taken have ended and no process or thread of the pool is left.
    ///
    /// - Parameter cancelPending: whether the tasks that have not started are cancelled rather than run.
    public nonisolated(nonsending) func shutdown(cancelPending: Bool) async {
        guard !isForked else { return }
        driver.shutDown(cancelPending: cancelPending)
        await driver.waitUntilGone(afterCallbacks: true)
    }

    /// Stops taking tasks, cancels all that have not ended, and returns when no process of the pool is left: at the latest some two seconds
    /// after the grace period, whatever state they are in.
    ///
    /// Tasks that run are asked to stop; after half of the grace period their processes are sent SIGTERM, at its end SIGKILL. It does not wait for
    /// completion callbacks. May be called again, also with a shorter grace period, and while ``shutdown(cancelPending:)`` waits.
    ///
    /// - Parameter gracePeriod: how long tasks that run may take to stop; `nil` for the pool's own. A longer one than the pool's makes no difference, and
    ///   a negative one counts as zero.
    public nonisolated(nonsending) func terminate(gracePeriod: Duration? = nil) async {
        guard !isForked else { return }
        driver.terminate(gracePeriod: (gracePeriod ?? settings.gracePeriod).clampedNanoseconds)
        await driver.waitUntilGone(afterCallbacks: false)
    }

    /// Changes how many worker processes there are at most, and returns at once.
    ///
    /// If they are to be fewer, idle ones go first; those that are too many then end the task that they run, and go.
    ///
    /// - Throws: ``PoolError`` with the code ``PoolError/Code/invalidConfiguration`` if that is less than 1 or than `minWorkers`.
    public func resize(to maxWorkers: Int) throws {
        guard maxWorkers >= max(1, settings.minWorkers) else {
            throw PoolError(
                .invalidConfiguration,
                "a pool cannot be resized to \(maxWorkers) workers; it needs at least \(max(1, settings.minWorkers))"
            )
        }
        if !isForked { driver.resize(to: maxWorkers) }
    }

    func cancelAll() {
        if !isForked { driver.terminate(gracePeriod: settings.gracePeriod.clampedNanoseconds) }
    }

    /// How many wait for room; tests see by it that somebody waits.
    var waiterCount: Int { driver.entrance?.waiterCount ?? 0 }

    /// The pid of the fork server, once there is one.
    package var forkServerPid: Int32? { driver.launcherPid }
}
