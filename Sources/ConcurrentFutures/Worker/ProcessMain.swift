/// Where a process that the library started begins, once all images are initialised and in place of the program's `main`.
///
/// - Parameter bootstrap: the socket on which it is told what to be.
/// - Returns: the exit code.
@_cdecl("concurrent_futures_process_main")
func processMain(_ bootstrap: Int32) -> Int32 {
    do {
        CurrentProcess.fillStandardStreams()
        let socket = MessageSocket(try Descriptor(owning: bootstrap))
        guard let (role, received) = try socket.receive(ProcessRole.self) else { return 0 }
        let descriptors = try received.get()
        switch role {
        case .forkServer:
            guard descriptors.count == 2 else { return 0 }
            do {
                try ForkServer(socket: socket, host: descriptors[0], settings: descriptors[1]).run()
            } catch {
                // A host that has just gone need not be told.
                try? socket.send(KeeperReport.unable(reason: "the fork server cannot do its work: \(error)"))
                return 1
            }
        case .worker(let id, let keeper, let settings, let numbers):
            guard let given = WorkerDescriptors(try numbers.map { try Descriptor(owning: $0) }) else { return 1 }
            let settings = try KeeperSettings(from: try Descriptor(owning: settings)).worker
            CurrentProcess.resetSignals()
            CurrentProcess.bufferStandardOutputByLine()
            Worker.run(WorkerPlan(id, keeper: keeper, descriptors: given, settings: settings))
        }
    } catch {
        CurrentProcess.writeToStandardError("a process of a pool could not start: \(error)\n")
        return 1
    }
}
