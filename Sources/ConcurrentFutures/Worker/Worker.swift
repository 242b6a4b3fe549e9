/// What a worker process does, from its birth to its end.
enum Worker {
    /// The exit code of a worker that could not begin.
    static let failedToStart: Int32 = 125
    /// What it says then, before the reason.
    private static let complaint = "a worker could not begin: "

    /// The reason that a worker which could not begin has written, to be put behind the fact; nothing if it is not known.
    static func whyItFailed(in words: String) -> String {
        guard let line = words.split(separator: "\n").last(where: { $0.hasPrefix(complaint) }) else { return "" }
        return ": " + line.dropFirst(complaint.count)
    }

    /// A step of its start has failed.
    static func fail(_ error: any Error) -> Never {
        CurrentProcess.writeToStandardError("\(complaint)\(error)\n")
        CurrentProcess.end(code: failedToStart)
    }

    /// Turns this process into a worker.
    ///
    /// - Parameters:
    ///   - keeper: the pid of the process that watches this one.
    ///   - functions: those that it has looked up before it forked.
    static func run(
        id: WorkerID,
        keeper: Int32,
        descriptors: WorkerDescriptors,
        settings: WorkerSettings,
        functions: FunctionTable = FunctionTable()
    ) -> Never {
        do {
            let (channel, limits) = try setUp(id: id, keeper: keeper, descriptors: descriptors, settings: settings)
            let call = CallInProgress(channel)
            let loop = WorkerLoop(channel, call, limits, initializer: settings.initializer, functions: functions)
            let thread = TaskThread()
            try SystemThread.start(name: "cf-task") {
                loop.prepareThread()
                thread.run({ await loop.run() }, onStart: call.follow)
            }
            MainQueue.serve(answering: channel.stopBell, onBell: call.obeyStopRequest)
        } catch {
            fail(error)
        }
    }

    /// Everything a worker does to itself before its first task, in order.
    private static func setUp(
        id: WorkerID,
        keeper: Int32,
        descriptors: WorkerDescriptors,
        settings: WorkerSettings
    ) throws -> (RingTaskChannel, WorkerLimits) {
        // A session and not only a process group: a background group is stopped when it reads from the terminal.
        CurrentProcess.startSession()
        try CurrentProcess.dieWithParent(keeper)
        CurrentProcess.setName("cf-worker-\(UInt32(truncatingIfNeeded: id))")
        if let standardError = descriptors.standardError { CurrentProcess.redirectStandardError(to: standardError) }
        try CurrentProcess.closeDescriptors(except: descriptors.channel.all.map(\.number))
        CurrentProcess.readStandardInputFromNothing()
        CurrentProcess.bufferStandardOutputByLine()
        CurrentProcess.dumpNoCore()
        CurrentProcess.offerToOutOfMemoryKiller()
        CurrentProcess.resetSignals()
        WorkerContext.enterWorker(id)
        if let steps = settings.niceness { try CurrentProcess.becomeNicer(by: steps) }
        if let processors = settings.processors { try CurrentProcess.restrict(to: processors) }
        let channel = try RingTaskChannel(descriptors.channel)
        return (channel, try WorkerLimits(settings, channel))
    }
}
