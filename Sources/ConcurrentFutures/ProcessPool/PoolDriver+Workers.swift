// How the driver starts workers and sees them end.

extension PoolDriver {
    private static let mostLaunchersLostInVain = 3

    func abandonWorkers() {
        guard let launcher else { return }
        launcher.abandon()
        handleLauncherEvents()
    }

    func startWorker(_ id: WorkerID) {
        do {
            do {
                try launchWorker(id)
            } catch let error as SystemError where error.isShortage && (!endedLinks.isEmpty || spareChannel != nil) {
                // What others had that have ended, and what is kept for the next one, may be enough.
                endedLinks = []
                spareChannel = nil
                try launchWorker(id)
            }
        } catch {
            workerDidNotStart(id, String(describing: error), isShortage: (error as? SystemError)?.isShortage == true)
        }
    }

    private func launchWorker(_ id: WorkerID) throws {
        let launcher = try self.launcher ?? startLauncher()
        let new = try spareChannel.take() ?? NewChannel()
        let tap = settings.options.standardError == .capture ? try relay.makeTap() : nil
        do {
            try poller.add(new.bell.descriptor, token: UInt64(id) + Token.firstWorker)
            try launcher.launch(id, new, standardError: tap?.writing)
        } catch {
            poller.remove(new.bell.descriptor)
            if let tap { _ = relay.remove(tap.reading) }
            throw error
        }
        let channel = new.channel
        tap?.reading.follow(channel)
        let link = WorkerLink(id: id, channel: channel, bell: new.bell, standardError: tap?.reading)
        // Another one follows where each has one task.
        wantsSpareChannel = settings.options.maxTasksPerWorker == 1
        if links.isEmpty { LandingFiles.shared.open() }
        links.append(link)
        reception.withLock { $0.add(link) }
        // Not where it has something to say first: what its initializer throws, or what memory it has at its birth.
        let takesTaskAtOnce = settings.initializer == nil && memoryWatch == nil
        let functions = withCore { core, aftermath in
            core.add(channel, for: id, takesTaskAtOnce: takesTaskAtOnce, &aftermath)
            return launcher.isReady ? core.takeNewFunctions(atMost: Self.mostFunctionsAtOnce) : []
        }
        // For those that are started later: this one is not to wait.
        for function in functions { launcher.prepare(function) }
    }

    /// What can wait until nothing else is to be done.
    var hasChores: Bool { !endedLinks.isEmpty || wantsSpareChannel || (links.isEmpty && spareChannel != nil) }

    func doChores() {
        endedLinks = []
        if links.isEmpty {
            // There is nothing to do for a worker: its descriptors may be wanted elsewhere.
            spareChannel = nil
        } else if wantsSpareChannel, spareChannel == nil {
            // If it cannot be made, whoever needs one tells why.
            spareChannel = try? NewChannel()
        }
        wantsSpareChannel = false
    }

    /// Looking a function up may take a launcher a millisecond, for which the next start waits.
    private static let mostFunctionsAtOnce = 16

    // MARK: Starts that take their time

    /// How long a worker may take from its birth until it stands ready or runs the pool's initializer, which takes as long as it takes. It needs
    /// some milliseconds, on a machine that is not overloaded.
    private static let timeToGetReady: UInt64 = 30_000_000_000

    /// When a worker must have got ready, if one has to.
    var nextStartLimit: UInt64? { links.lazy.compactMap(\.mustBeReadyBy).min() }

    /// Tries again to start what could not be started, and ends what does not get ready.
    func watchStarts() {
        guard postponedStarts.nextTry != nil || nextStartLimit != nil else { return }
        let now = monotonicNanoseconds()
        for id in postponedStarts.take(now: now) { startWorker(id) }
        guard let limit = nextStartLimit, limit <= now else { return }
        // It may have said so in time, and this program was stopped, so that nobody heard it.
        receiveReplies()
        for link in links where link.mustBeReadyBy.map({ $0 <= now }) == true {
            link.mustBeReadyBy = nil
            guard !link.isReady, link.channel.stage != .initializing else { continue }
            link.isStuck = true
            launcher?.kill(link.id)
        }
    }

    func workerWasNotNeeded(_ id: WorkerID) {
        let failure = PoolError(.brokenPool, "a worker was not needed any more before it could be started")
        withCore { core, aftermath in
            core.workerEnded(id, running: false, failure: failure, isKeepersFault: true, &aftermath)
        }
    }

    // MARK: The launcher

    private func startLauncher() throws -> any WorkerLauncher {
        let launcher = try KeeperLauncher(settings)
        try poller.add(launcher.descriptor, token: Token.launcher)
        self.launcher = launcher
        locked { shared in
            shared.launcherPid = launcher.pid
            shared.core.tellFunctionsAnew()
        }
        return launcher
    }

    func handleLauncherEvents() {
        guard let launcher else { return }
        for event in launcher.events() {
            switch event {
            case .started(let id, let pid):
                postponedStarts.succeeded()
                guard let link = links.first(where: { $0.id == id }) else { continue }
                link.pid = pid
                if !link.isReady { link.mustBeReadyBy = monotonicNanoseconds() + Self.timeToGetReady }
            case .startFailed(let id, let reason, let isShortage): workerDidNotStart(id, reason, isShortage: isShortage)
            case .ended(let id, let status): workerEnded(id, status)
            case .unable(let reason): launcherIsUnable(reason)
            case .lost: launcherWasLost()
            }
        }
    }

    // MARK: Ends

    /// - Parameter isShortage: whether that may be different in a moment.
    private func workerDidNotStart(_ id: WorkerID, _ reason: String, isShortage: Bool) {
        let link = remove(id)
        if let tap = link?.standardError { _ = relay.remove(tap) }
        // Who is not wanted any more was to be killed, and would not be once more.
        if isShortage, link?.isUnwanted != true, postponedStarts.postpone(id, now: monotonicNanoseconds()) {
            return withCore { core, aftermath in core.startPostponed(id, &aftermath) }
        }
        let failure = PoolError(.brokenPool, "a worker cannot be started: \(reason)")
        withCore { core, aftermath in
            core.workerEnded(id, running: false, failure: failure, isKeepersFault: false, &aftermath)
        }
    }

    private func remove(_ id: WorkerID) -> WorkerLink? {
        guard let index = links.firstIndex(where: { $0.id == id }) else { return nil }
        let link = links.remove(at: index)
        reception.withLock { $0.remove(id) }
        poller.remove(link.bell.descriptor)
        memoryWatch?.remove(id)
        if links.isEmpty {
            ArgumentFiles.shared.closeFree()
            LandingFiles.shared.close()
        }
        return link
    }

    /// - Parameter status: `nil` if the worker went with its launcher, so that nobody knows.
    private func workerEnded(_ id: WorkerID, _ status: ExitStatus?) {
        // What it had answered counts, whatever happened then.
        receiveReplies(atEndOf: id)
        let memoryPeak = memoryWatch?.peak(of: id) ?? 0
        guard let link = remove(id) else { return }
        endedLinks.append(link)
        let standardError = link.standardError.map(relay.remove) ?? ""
        let victim = locked { $0.core.victim(of: id) }
        let failure =
            PoolError.limitExceeded(
                link,
                status: status,
                victim: victim,
                standardError: standardError,
                memoryPeak: memoryPeak,
                options: settings.options
            ) ?? PoolError.workerEnded(link, status: status, victim: victim, standardError: standardError)
        let initializerFailure = PoolError.initializerFailed(
            link,
            status: status,
            initializer: settings.initializer,
            standardError: standardError
        )
        withCore { core, aftermath in
            if let initializerFailure { core.initializerFailed(initializerFailure, &aftermath) }
            core.workerEnded(
                id,
                running: victim != nil,
                failure: failure,
                isKeepersFault: status == nil,
                &aftermath
            )
        }
    }

    private func launcherWasLost() {
        closeLauncher()
        launchersLostInVain += 1
        if launchersLostInVain >= Self.mostLaunchersLostInVain {
            cannotStartWorkers("the fork server ends before it has started a worker")
        }
        for link in links { workerEnded(link.id, nil) }
    }

    private func launcherIsUnable(_ reason: String) {
        closeLauncher()
        cannotStartWorkers(reason)
        for link in links { workerEnded(link.id, nil) }
    }

    private func closeLauncher() {
        guard let launcher else { return }
        poller.remove(launcher.descriptor)
        launcher.close(inHaste: isTerminated)
        self.launcher = nil
    }

    private func cannotStartWorkers(_ reason: String) {
        let failure = PoolError(.brokenPool, reason)
        withCore { core, aftermath in core.cannotStartWorkers(failure, &aftermath) }
    }
}
