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
    /// What tools call it, as a C string.
    let name: [CChar]
    /// What it has inherited for its main queue.
    let mainQueueDescriptor: Int32?
    /// All that it keeps, in ascending order.
    let keptDescriptors: [Int32]

    init(
        _ id: WorkerID,
        keeper: Int32,
        descriptors: WorkerDescriptors,
        settings: WorkerSettings,
        functions: FunctionTable = FunctionTable(),
        mainQueueDescriptor: Int32? = nil
    ) {
        self.id = id
        self.keeper = keeper
        channel = descriptors.channel
        standardError = descriptors.standardError
        self.settings = settings
        self.functions = functions
        name = Array("cf-worker-\(UInt32(truncatingIfNeeded: id))".utf8CString)
        self.mainQueueDescriptor = mainQueueDescriptor
        let numbers = descriptors.channel.all.map(\.number) + (mainQueueDescriptor.map { [$0] } ?? [])
        keptDescriptors = numbers.sorted()
    }
}
