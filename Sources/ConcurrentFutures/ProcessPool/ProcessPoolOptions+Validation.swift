extension ProcessPoolOptions {
    /// A limit below this could not be told from what the language's runtime takes for itself.
    static let smallestMemoryLimit = 1 << 20

    /// - Throws: ``PoolError`` with the code `invalidConfiguration`, naming the option, its value and what is allowed.
    func validate() throws(PoolError) {
        try Self.requirePositive(timeout, "timeout")
        try validateGracePeriod()
        try Self.require(maxTasksPerWorker, "maxTasksPerWorker", atLeast: 1)
        try Self.requirePositive(idleTimeout, "idleTimeout")
        try Self.require(maxPending, "maxPending", atLeast: 1)
        try Self.require(maxPendingBytes, "maxPendingBytes", atLeast: 1)
        try Self.require(memoryLimit, "memoryLimit", atLeast: Self.smallestMemoryLimit)
        try Self.requirePositive(cpuTimeLimit, "cpuTimeLimit")
        if let niceness, !(0...19).contains(niceness) {
            throw .invalid("niceness is \(niceness); it must be between 0 and 19")
        }
        try validateProcessors()
        try validateEnvironment()
        try validateWorkingDirectory()
    }

    private static func require(_ value: Int?, _ name: String, atLeast least: Int) throws(PoolError) {
        if let value, value < least { throw .invalid("\(name) is \(value); it must be at least \(least)") }
    }

    private static func requirePositive(_ value: Duration?, _ name: String) throws(PoolError) {
        if let value, value <= .zero { throw .invalid("\(name) is \(value); it must be more than zero") }
    }

    private func validateGracePeriod() throws(PoolError) {
        guard let gracePeriod else { return }
        if gracePeriod < .zero { throw .invalid("gracePeriod is \(gracePeriod); it must not be negative") }
        if let timeout, gracePeriod > timeout {
            throw .invalid("gracePeriod is \(gracePeriod); it must not be longer than timeout, which is \(timeout)")
        }
    }

    private func validateProcessors() throws(PoolError) {
        guard let processors else { return }
        guard !processors.isEmpty else {
            throw .invalid("processors is empty; it must name at least one processor")
        }
        guard let available = AvailableProcessors.affinity else { return }
        let absent = processors.subtracting(available)
        if !absent.isEmpty {
            throw .invalid(
                """
                processors names \(Self.list(absent)), which this program may not use; it may use \
                \(Self.list(available))
                """
            )
        }
    }

    /// Numbers in order, rows of them as their ends: "0-3, 8".
    private static func list(_ numbers: Set<Int>) -> String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers.sorted() {
            if let last = ranges.last, last.upperBound == number - 1 {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }

    private func validateEnvironment() throws(PoolError) {
        for (name, value) in environment {
            if name.isEmpty || name.contains("=") || name.contains("\0") {
                throw .invalid(
                    "environment has a variable \"\(name)\"; a name must not be empty or contain \"=\" or a zero byte"
                )
            }
            if value?.contains("\0") == true {
                throw .invalid("environment gives \(name) a value with a zero byte, which no variable can have")
            }
            if name == OwnProgram.variable {
                throw .invalid("environment has the variable \(name), which belongs to the pool")
            }
        }
    }

    private func validateWorkingDirectory() throws(PoolError) {
        guard let workingDirectory else { return }
        do {
            try Directory.checkUsable(workingDirectory)
        } catch {
            throw .invalid("workingDirectory is \"\(workingDirectory)\", where no worker can start: \(error)")
        }
    }
}

extension PoolError {
    /// An option that makes no sense.
    static func invalid(_ message: String) -> PoolError {
        PoolError(.invalidConfiguration, message)
    }
}
