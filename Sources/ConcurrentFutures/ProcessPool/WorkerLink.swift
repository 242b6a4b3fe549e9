/// What the driver has of one worker: the receiving end of its channel, its bell, and what it writes to its standard error.
///
/// What can change is the pool's thread's own, but for `misbehaviour`, which is whoever's has the ``Reception``. With that, others read `isReady`.
final class WorkerLink {
    let id: WorkerID
    let channel: any WorkerChannel
    let bell: Doorbell
    /// `nil` if it writes to this program's own.
    let standardError: StandardErrorTap?
    /// Once the worker's process is known.
    var pid: Int32?
    /// Whether it has said that it can take tasks.
    var isReady = false
    /// When it must have said so, or run the pool's initializer; `nil` before its process is there, and once that has been looked at.
    var mustBeReadyBy: UInt64?
    /// Whether it was killed because it did neither.
    var isStuck = false
    /// Reads its memory, once that is looked at.
    var memory: ProcessMemory.Reader?
    /// Whether it was killed because it took more memory than it may.
    var isOverMemoryLimit = false
    /// Whether the pool has told it to end, or had it killed.
    var isUnwanted = false
    /// What the pool's initializer threw in it, if it did.
    var initializerFailure: InitializerFailure?
    /// Why nothing is read from it any more, if it has written what no sound worker writes.
    var misbehaviour: ChannelFailure?

    init(id: WorkerID, channel: any WorkerChannel, bell: Doorbell, standardError: StandardErrorTap?) {
        self.id = id
        self.channel = channel
        self.bell = bell
        self.standardError = standardError
    }
}
