import ArgumentParser

/// The tutorial's programs; without a name, all of them, one after the other.
@main struct Tour: AsyncParsableCommand {
    private static let programs: [any Program.Type] = [
        SubmitProgram.self, ScopeProgram.self, AsCompletedProgram.self, MapProgram.self, CountingProgram.self,
        CrashProgram.self,
    ]

    static let configuration = CommandConfiguration(
        commandName: "tour",
        abstract: "Small programs that run functions in worker processes.",
        discussion: "Without the name of one, all of them run, one after the other.",
        subcommands: programs
    )

    func run() async throws {
        for program in Self.programs {
            var command = try program.parse([])
            try await command.run()
        }
    }
}
