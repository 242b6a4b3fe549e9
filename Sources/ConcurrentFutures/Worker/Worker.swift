/// What a worker process does, from its birth to its end.
enum Worker {
    /// The exit code of a worker that could not begin.
    static let failedToStart: Int32 = 125
    static let taskThreadName: ThreadName = "cf-task"
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
    static func run(_ plan: WorkerPlan) -> Never {
        do {
            let (channel, limits) = try setUp(plan)
            let call = CallInProgress(channel)
            let initializer = plan.settings.initializer
            let loop = WorkerLoop(channel, call, limits, initializer: initializer, functions: plan.functions)
            // Nobody joins it: the process ends with it.
            _ = try SystemThread.startJoinable(name: taskThreadName) {
                loop.serve {
                    CurrentProcess.flushStandardStreams()
                    CurrentProcess.end(code: 0)
                }
            }
            MainQueue.serve(answering: channel.stopBell, onBell: call.obeyStopRequest)
        } catch {
            fail(error)
        }
    }

    /// Everything a worker does to itself before its first task, in order. What it inherits its keeper does.
    private static func setUp(_ plan: WorkerPlan) throws -> (RingTaskChannel, WorkerLimits) {
        // A session and not only a process group: a background group is stopped when it reads from the terminal.
        CurrentProcess.startSession()
        try CurrentProcess.dieWithParent(plan.keeper)
        CurrentProcess.setName(plan.name)
        if let standardError = plan.standardError { CurrentProcess.redirectStandardError(to: standardError) }
        try CurrentProcess.closeDescriptors(except: plan.keptDescriptors)
        try plan.mainQueue?.takeOver()
        CurrentProcess.offerToOutOfMemoryKiller()
        WorkerContext.enterWorker(plan.id)
        if let steps = plan.settings.niceness { try CurrentProcess.becomeNicer(by: steps) }
        if let processors = plan.settings.processors { try CurrentProcess.restrict(to: processors) }
        let channel = try RingTaskChannel(plan.channel)
        return (channel, try WorkerLimits(plan.settings, channel))
    }
}
