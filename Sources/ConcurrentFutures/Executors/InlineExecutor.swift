import Synchronization

/// Runs each task at once, in this process, and treats it as if it crossed to another one: for debugging and for tests.
///
/// Functions that capture a value are refused, arguments and results are encoded and decoded, and errors arrive as they would
/// from a pool of processes; but there is no other process, so a debugger stops in the task, and a crash is one of the program.
/// A synchronous function has ended when `submit` returns, which blocks for as long; an `async` one is started as a `Task`.
///
/// A time limit cannot stop anything here. An `async` function is asked to stop, as by `Task.cancel()`, a synchronous one is not even that;
/// what either returns or throws after its time is dropped for ``PoolError/Code/timedOut``. A synchronous function that is to be run again is
/// run before `submit` returns, too.
public final class InlineExecutor: PoolExecutor {
    private struct State {
        var isShutDown = false
        /// By their numbers: what finding one allocates is never freed.
        var functions: [UInt32: BoundFunction] = [:]
        /// The `async` ones.
        var running: [TaskID: InlineTask] = [:]
        var lastTask: TaskID = 0
        var drainWaiters: [UnsafeContinuation<Void, Never>] = []

        mutating func finish(_ id: TaskID) -> [UnsafeContinuation<Void, Never>] {
            running[id] = nil
            guard running.isEmpty else { return [] }
            defer { drainWaiters = [] }
            return drainWaiters
        }
    }

    private let state = Mutex(State())

    /// Creates an executor.
    public init() {}

    /// One: a synchronous task ends before the next can begin. Those that are `async` take turns as they suspend.
    public var maxWorkers: Int { 1 }

    /// Runs a synchronous task, or starts an `async` one, and returns its future.
    ///
    /// It does not throw: whatever goes wrong is the outcome of the future.
    public func enqueue<Output: Sendable>(_ call: TaskCall<Output>, options: TaskOptions) -> Future<Output> {
        do {
            guard !state.withLock({ $0.isShutDown }) else {
                throw PoolError(.shutdown, "the executor was shut down before the task was submitted")
            }
            let (encoded, function) = try encode(call.body, options)
            return run(encoded, function, options, Future<Output>(control: self))
        } catch {
            return Future(failed: error)
        }
    }

    private func encode(
        _ body: some TaskBody,
        _ options: TaskOptions
    ) throws -> (EncodedCall, BoundFunction) {
        let call = try EncodedCall(body, options: options)
        let number = call.function.number
        if let known = state.withLock({ $0.functions[number] }) { return (call, known) }
        let function = try call.function.definition.withUnsafeBytes { try BoundFunction.find(definition: $0) }
        state.withLock { $0.functions[number] = function }
        return (call, function)
    }

    /// - Parameter future: is of the type of the ``TaskCall`` that was encoded.
    private func run<Output>(
        _ call: EncodedCall,
        _ function: BoundFunction,
        _ options: TaskOptions,
        _ future: Future<Output>
    ) -> Future<Output> {
        guard function.isAsync else {
            var run = InlineRun(call, function, options)
            run.run()
            run.complete(future)
            return future
        }
        let task = InlineTask(future)
        let id = state.withLock { state in
            state.lastTask += 1
            state.running[state.lastTask] = task
            return state.lastTask
        }
        future.assign(task: id)
        let job = Task {
            var run = InlineRun(call, function, options)
            await run.runAsync(task)
            guard task.end() else { return }
            let waiters = self.state.withLock { $0.finish(id) }
            run.complete(future)
            for waiter in waiters { waiter.resume() }
        }
        // With limits each call has a `Task` of its own.
        if options.limits == nil { task.begin(job) }
        return future
    }

    private func completeCancelled(_ id: TaskID, _ task: InlineTask) {
        let waiters = state.withLock { $0.finish(id) }
        task.future.completeCancelled()
        for waiter in waiters { waiter.resume() }
    }

    /// Stops taking tasks, and returns when the `async` ones that were taken have ended.
    ///
    /// - Parameter cancelPending: whether those that wait to be run again after a failure are cancelled rather than run. No task waits to be
    ///   started.
    public nonisolated(nonsending) func shutdown(cancelPending: Bool) async {
        state.withLock { $0.isShutDown = true }
        if cancelPending {
            for (id, task) in state.withLock({ $0.running }) where task.refuseRetries() {
                completeCancelled(id, task)
            }
        }
        await withUnsafeContinuation { continuation in
            // Resumed once: here if it was not stored, else by the last task, which takes it out of the state.
            let isStored = state.withLock { state in
                if !state.running.isEmpty { state.drainWaiters.append(continuation) }
                return !state.running.isEmpty
            }
            if !isStored { continuation.resume() }
        }
    }
}

extension InlineExecutor: TaskControl {
    func cancel(_ id: TaskID) -> Bool {
        guard let task = state.withLock({ $0.running[id] }), task.cancel() else { return false }
        completeCancelled(id, task)
        return true
    }

    func isRunning(_ id: TaskID) -> Bool {
        state.withLock { $0.running[id] }?.isRunning ?? false
    }
}
