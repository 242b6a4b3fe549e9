extension PoolStateMachine {
    package struct Configuration {
        package var maxWorkers: Int
        /// So many are started at once and kept.
        package var minWorkers: Int
        /// How many tasks a worker may hold at most, the one that it runs included.
        package var prefetch: Int
        /// How much room a worker's channel has; see ``submit(cost:limits:actions:)``.
        package var channelRoom: Int
        /// How long a task that is to stop may take, in nanoseconds, before its worker is killed.
        package var gracePeriod: UInt64
        /// How long a worker that has nothing else to do may take to begin a task, in nanoseconds, before it is taken for stopped.
        package var timeToBegin: UInt64
        /// What a worker holds in advance should keep it at work for so many nanoseconds.
        package var timeAhead: UInt64
        /// Who has ended nothing for so many nanoseconds, while others have, is held up by a long task, and what waits behind that goes elsewhere.
        package var timeUntilHeldUp: UInt64
        /// After a start in vain while others live no worker is started for so many nanoseconds, each time for twice as long.
        package var startPause: UInt64
        /// But not for longer than this.
        package var longestStartPause: UInt64
        /// After so many tasks a worker goes; `nil` for never.
        package var maxTasksPerWorker: Int?
        /// After so many nanoseconds without a task a worker goes; `nil` for never.
        package var idleTimeout: UInt64?

        package init(
            maxWorkers: Int,
            minWorkers: Int = 0,
            prefetch: Int = 384,
            channelRoom: Int,
            gracePeriod: UInt64 = 1_000_000_000,
            timeToBegin: UInt64 = 2_000_000_000,
            timeAhead: UInt64 = 1_000_000,
            timeUntilHeldUp: UInt64 = 10_000_000,
            startPause: UInt64 = 50_000_000,
            longestStartPause: UInt64 = 4_000_000_000,
            maxTasksPerWorker: Int? = nil,
            idleTimeout: UInt64? = nil
        ) {
            self.maxWorkers = maxWorkers
            self.minWorkers = minWorkers
            self.prefetch = prefetch
            self.channelRoom = channelRoom
            self.gracePeriod = gracePeriod
            self.timeToBegin = timeToBegin
            self.timeAhead = timeAhead
            self.timeUntilHeldUp = timeUntilHeldUp
            self.startPause = startPause
            self.longestStartPause = longestStartPause
            self.maxTasksPerWorker = maxTasksPerWorker
            self.idleTimeout = idleTimeout
        }
    }
}
