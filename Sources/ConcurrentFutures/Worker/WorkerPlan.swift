/// What is to become a worker, computed before there is its process: a child that was just forked has to map every page that it looks at.
final class WorkerPlan {
    let id: WorkerID
    /// The pid of the process that watches it.
    let keeper: Int32
    let channel: RingChannel.WorkerEnd
    /// Where it writes its standard error, if not where its host does.
    let standardError: Descriptor?
    let settings: WorkerSettings
    /// Those that were looked up for it.
    let functions: FunctionTable
    /// What tools call it.
    let name: ThreadName
    /// What it has inherited for its main queue.
    let mainQueue: MainQueue.Inheritance?
    /// All that it keeps, in ascending order.
    let keptDescriptors: [Int32]

    init(
        _ id: WorkerID,
        keeper: Int32,
        descriptors: WorkerDescriptors,
        settings: WorkerSettings,
        functions: FunctionTable = FunctionTable(),
        mainQueue: MainQueue.Inheritance? = nil
    ) {
        self.id = id
        self.keeper = keeper
        channel = descriptors.channel
        standardError = descriptors.standardError
        self.settings = settings
        self.functions = functions
        name = ThreadName("cf-worker-", suffix: "\(UInt32(truncatingIfNeeded: id))")
        self.mainQueue = mainQueue
        let numbers = descriptors.channel.all.map(\.number) + (mainQueue.map { [$0.descriptorNumber] } ?? [])
        keptDescriptors = numbers.sorted()
    }
}
