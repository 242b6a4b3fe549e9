import Foundation

/// What the standard streams of a program are connected to, and how what it writes is read.
struct TourConnection {
    let input: FileHandle
    let output: FileHandle
    let error: FileHandle
    private let outputReader: FileHandle
    private let errorReader: FileHandle?

    static func pipes() -> TourConnection {
        let output = Pipe()
        let error = Pipe()
        // A program that another test starts meanwhile must not hold them open.
        for pipe in [output, error] {
            for end in [pipe.fileHandleForReading, pipe.fileHandleForWriting] { closeOnExec(end.fileDescriptor) }
        }
        return TourConnection(
            input: .nullDevice,
            output: output.fileHandleForWriting,
            error: error.fileHandleForWriting,
            outputReader: output.fileHandleForReading,
            errorReader: error.fileHandleForReading
        )
    }

    /// A terminal, on which standard error appears among the rest.
    static func terminal() throws -> TourConnection {
        var user: Int32 = 0
        var program: Int32 = 0
        guard openpty(&user, &program, nil, nil, nil) == 0 else { throw POSIXError(.ENXIO) }
        for end in [user, program] { closeOnExec(end) }
        let programSide = FileHandle(fileDescriptor: program, closeOnDealloc: true)
        return TourConnection(
            input: programSide,
            output: programSide,
            error: programSide,
            outputReader: FileHandle(fileDescriptor: user, closeOnDealloc: true),
            errorReader: nil
        )
    }

    /// Called once the program has been started: what it holds open alone ends when it does.
    func closeProgramSide() throws {
        try output.close()
        if errorReader != nil { try error.close() }
    }

    func readOutput() -> String {
        Self.readToEnd(outputReader)
    }

    func readError() -> String {
        errorReader.map(Self.readToEnd) ?? ""
    }

    private static func closeOnExec(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    private static func readToEnd(_ reader: FileHandle) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(reader.fileDescriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            // Where a pipe has an end, a terminal that nobody has open any more fails.
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
