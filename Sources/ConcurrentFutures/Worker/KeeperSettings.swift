/// What a fork server is told at its birth, and through it every worker.
///
/// It travels in a sealed memory file, since the arguments of an initializer may be long; a worker that is executed anew gets the
/// same file.
struct KeeperSettings: Codable {
    /// An absolute path; `nil` for where the host was.
    var workingDirectory: String?
    var preload: StartupMessage?
    var worker: WorkerSettings
}

/// What a worker is told at its birth.
///
/// An object, because to hand on a copy of all this takes long in a process that has just been forked.
final class WorkerSettings: Codable, Sendable {
    let initializer: StartupMessage?
    /// How much nicer than its host it is.
    let niceness: Int?
    let processors: [Int]?
    /// In nanoseconds, for each task.
    let processorTimeLimit: UInt64?
    /// In bytes.
    let memoryLimit: UInt64?

    init(
        initializer: StartupMessage?,
        niceness: Int?,
        processors: [Int]?,
        processorTimeLimit: UInt64?,
        memoryLimit: UInt64?
    ) {
        self.initializer = initializer
        self.niceness = niceness
        self.processors = processors
        self.processorTimeLimit = processorTimeLimit
        self.memoryLimit = memoryLimit
    }
}

extension KeeperSettings {
    func inFile() throws -> MemoryFile {
        var encoder = BinaryEncoder()
        try encoder.encode(self)
        return try encoder.withUnsafeBytes { try MemoryFile(sealing: $0, name: "cf-settings") }
    }

    /// - Throws: ``SystemError`` or `DecodingError` if the host did not make the file.
    init(from file: Descriptor) throws {
        let file = try MemoryFile(received: file, required: [.shrink, .write], minimumSize: 1)
        let mapping = try MemoryMapping(file, count: file.size, writable: false)
        var decoder = BinaryDecoder(mapping.bytes)
        self = try decoder.decode(KeeperSettings.self)
    }
}
