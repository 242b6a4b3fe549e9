import ArgumentParser
@preconcurrency import Foundation

/// One of the tour's programs, which is also a command of its own.
protocol Program: AsyncParsableCommand {
    static var name: String { get }
    /// What it shows, in a line.
    static var summary: String { get }

    func demonstrate() async throws
}

extension Program {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: name, abstract: summary)
    }

    func run() async throws {
        // A line is to be seen when it is printed, through a pipe too.
        setvbuf(stdout, nil, Int32(_IOLBF), 0)
        print("\n── \(Self.name): \(Self.summary)\n")
        try await demonstrate()
    }
}

extension String {
    /// Filled up with spaces to a column's width.
    func column(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}

extension Duration {
    var inMilliseconds: String {
        "\(Int((self / .milliseconds(1)).rounded())) ms"
    }
}
