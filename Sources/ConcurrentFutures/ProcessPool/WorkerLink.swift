/// What the driver has of one worker: the receiving end of its channel, its bell, and what it writes to its standard error.
final class WorkerLink {
    let id: WorkerID
    let channel: any WorkerChannel
    let bell: Doorbell
    let standardError: StandardErrorTap
    /// Once the worker's process is known.
    var pid: Int32?
    /// Why nothing is read from it any more, if it has written what no sound worker writes.
    var misbehaviour: ChannelFailure?

    init(id: WorkerID, channel: any WorkerChannel, bell: Doorbell, standardError: StandardErrorTap) {
        self.id = id
        self.channel = channel
        self.bell = bell
        self.standardError = standardError
    }
}
