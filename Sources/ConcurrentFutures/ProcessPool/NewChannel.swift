/// A channel that no worker has yet.
struct NewChannel {
    /// What the worker's replies ring.
    let bell: Doorbell
    let channel: RingChannel
    /// What the worker is to be given.
    let workerEnd: RingChannel.WorkerEnd

    init() throws(SystemError) {
        bell = try Doorbell()
        (channel, workerEnd) = try RingChannel.make(bell: bell)
    }
}
