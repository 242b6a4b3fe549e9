/// How workers come to life and are watched: the host's side.
///
/// All of it is called on the driver's thread. What happens to workers comes as events, which wait behind ``descriptor``.
protocol WorkerLauncher: AnyObject {
    /// Has something to read when there are events.
    var descriptor: Descriptor { get }
    /// When it must have done what it was last told, on the clock of ``monotonicNanoseconds()``; `nil` if it has.
    var deadline: UInt64? { get }

    /// Begins to start a worker; what becomes of it is told by an event.
    ///
    /// - Parameters:
    ///   - channel: the way to it; requests may be sent at once.
    ///   - standardError: where the worker is to write its standard error; `nil` for where this program does.
    /// - Throws: ``SystemError`` if the worker cannot even be asked for.
    func launch(_ id: WorkerID, _ channel: NewChannel, standardError: Descriptor?) throws
    /// Whether it stands ready, so that what it is told does not pile up.
    var isReady: Bool { get }
    /// Is told of a function that workers are asked for, which may make later ones begin sooner.
    func prepare(_ function: TaskFunctionName)
    /// Asks a worker's process to end, by a signal that it may handle.
    func terminate(_ id: WorkerID)
    /// Ends a worker and all that it has started, at once.
    func kill(_ id: WorkerID)
    /// Ends the launcher and all its workers, in whatever state they are; its next event is that it is lost.
    func abandon()
    /// What has happened since the last call, in order.
    func events() -> [LauncherEvent]
    /// Ends the launcher and whatever is left of its workers, and returns when they are gone.
    ///
    /// - Parameter inHaste: whether it is killed rather than waited for, if it does not go at once.
    func close(inHaste: Bool)
}

enum LauncherEvent {
    case started(WorkerID, pid: Int32)
    /// - Parameter isShortage: whether the system had too little of something, which may be different in a moment.
    case startFailed(WorkerID, reason: String, isShortage: Bool)
    case ended(WorkerID, ExitStatus)
    /// It can launch nothing, and never will: no other one would do better.
    case unable(reason: String)
    /// It is gone, and with it all its workers; a new one may do.
    case lost
}
