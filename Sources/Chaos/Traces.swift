import Glibc

/// What this process has before it makes a pool, to be compared with what it has when the pool is gone.
struct Traces {
    let mark: Mark
    private let descriptors = Processes.ownDescriptors()
    private let threads = Processes.ownThreads()
    private let children = Processes.ownChildren()

    /// The runtime may start some threads of its own at any time.
    private static let moreThreads = 4

    init(mark: Mark) {
        self.mark = mark
    }

    /// What the pool has left behind. What is left of processes is then killed.
    func remarks(_ inflictions: Inflictions) -> [String] {
        var remarks: [String] = []
        for pid in Processes.ownChildren() where !children.contains(pid) {
            let state = Processes.state(of: pid).map { "\($0)" } ?? ""
            remarks.append("a child is left: \(pid) \(Processes.name(of: pid) ?? ""), state \(state)")
        }
        for bearer in mark.bearers() {
            // Nobody can end what tasks have started and left, once the fork server that would have done it was killed.
            let isForkServersLoss = bearer.keeper.map { !inflictions.of($0).isEmpty } ?? false
            if !isForkServersLoss { remarks.append("a process is left: \(bearer.pid) \(bearer.name)") }
            kill(bearer.pid, SIGKILL)
        }
        let descriptors = Processes.ownDescriptors()
        if descriptors != self.descriptors {
            remarks.append("descriptors are left: \(self.descriptors) before, \(descriptors) after")
        }
        let threads = Processes.ownThreads()
        if threads.count > self.threads.count + Self.moreThreads || threads.contains(where: { $0.hasPrefix("cf-") }) {
            remarks.append("threads are left: \(self.threads) before, \(threads) after")
        }
        return remarks
    }
}
