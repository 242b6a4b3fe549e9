/// A worker's life, lived once in a fork server before it forks, so that workers find done what each of them would have to do.
///
/// In a process that has just been forked everything is looked up anew that its parent had no use for: Swift's generic types by their names, conformances among all of the
/// program's, the functions of libraries at their first call. So is memory of which the parent had none: a second thread's stack, and what the allocator keeps for it. That took a
/// worker half of the time that it lives for one short task.
///
/// It is one task, that runs none of the program's code, on rings of its own; it leaves no thread and no descriptor behind, and no memory but what a second thread had.
enum Rehearsal {
    static func perform() throws {
        let (host, end) = try RingChannel.make(bell: try Doorbell())
        let channel = try RingTaskChannel(end)
        let loop = WorkerLoop(
            channel,
            CallInProgress(channel),
            .none,
            initializer: nil,
            functions: FunctionTable()
        )
        try host.send(OutgoingRequest(rehearsing: SyncFunction(function: rehearsed), 1))
        try host.sendStop()
        try SystemThread.startJoinable(name: Worker.taskThreadName) { loop.serve {} }.join()
        // Where one has ended the next one is started otherwise: it gets that one's stack.
        try SystemThread.startJoinable(name: Worker.taskThreadName) {}.join()
    }

    /// Makes the calls of a worker that are not part of ``perform()``, so that the loader has found their functions. They change nothing for a process that
    /// leads a session already and whose main queue nobody serves.
    static func makeCalls(pollingOn descriptor: Descriptor) {
        try? MainQueue.Inheritance().takeOver()
        CurrentProcess.startSession()
        yieldProcessor()
        _ = ProcessHandle.hasEnded(descriptor)
    }

    private static func rehearsed(_ number: Int) -> Int { number }
}

extension OutgoingRequest {
    fileprivate init<Function: TaskFunction>(rehearsing function: Function, _ arguments: Function.Arguments) throws {
        let name = try TaskFunctionName.of(function)
        var encoder = BinaryEncoder()
        try Function.encode(arguments: arguments, into: &encoder)
        self.init(
            functionNumber: name.number,
            definition: name.definition,
            isBatch: false,
            itemCount: 1,
            firstItem: 0,
            attempt: 1,
            isUrgent: true,
            payload: encoder.takeRequestPayload()
        )
    }
}
