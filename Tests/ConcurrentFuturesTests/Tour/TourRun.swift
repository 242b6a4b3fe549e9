import Foundation
import Testing

/// What the tour is connected to while it runs.
enum TourSurroundings: String, CaseIterable, CustomTestStringConvertible {
    case pipe = "through a pipe"
    case terminal = "in a terminal"
    case withoutStandardInput = "without standard input"

    var testDescription: String { rawValue }
}

/// One run of the tour's program, which stands beside the tests.
struct TourRun: Sendable {
    /// What it printed; in a terminal, what it and its workers wrote to standard error too.
    var lines: [String]
    var standardError: String
    var exitCode: Int32

    /// Runs the tour, and returns when it has ended and nobody holds its output open any more.
    ///
    /// If it takes longer than the bound, it is killed, and the exit code is the signal's number.
    init(
        _ arguments: [String],
        in surroundings: TourSurroundings = .pipe,
        within bound: DispatchTimeInterval = .seconds(40)
    ) async throws {
        self = try await withCheckedThrowingContinuation { continuation in
            // A thread of its own: it blocks, and the tests run side by side.
            Thread.detachNewThread {
                continuation.resume(with: Result { try TourRun(blocking: arguments, surroundings, within: bound) })
            }
        }
    }

    private init(
        blocking arguments: [String],
        _ surroundings: TourSurroundings,
        within bound: DispatchTimeInterval
    ) throws {
        let process = Process()
        let program = Bundle.main.bundleURL.appending(path: "tour")
        process.executableURL = program
        process.arguments = arguments
        if surroundings == .withoutStandardInput {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", #"exec "$0" "$@" <&-"#, program.path] + arguments
        }
        let connection = try surroundings == .terminal ? TourConnection.terminal() : .pipes()
        process.standardInput = connection.input
        process.standardOutput = connection.output
        process.standardError = connection.error
        try process.run()
        try connection.closeProgramSide()

        let tooLong = DispatchWorkItem {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + bound, execute: tooLong)
        // One after the other: the few lines on standard error find room in the pipe.
        let printed = connection.readOutput()
        standardError = connection.readError()
        process.waitUntilExit()
        tooLong.cancel()

        lines = printed.replacing("\r\n", with: "\n").split(separator: "\n").map(String.init)
        exitCode = process.terminationStatus
    }
}
