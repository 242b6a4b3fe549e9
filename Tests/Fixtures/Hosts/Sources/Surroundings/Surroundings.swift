import Glibc

/// Ends a process that runs a host's `main` a second time, before it can start a third one.
///
/// A host whose workers run its `main` instead of their tasks starts processes without end; each would come here first.
public func enterMain() {
    let variable = "FIXTURE_DEPTH"
    guard getenv(variable) == nil else {
        report("a process of the pool ran the program's main")
        exit(99)
    }
    setenv(variable, "1", 1)
}

/// Prints a line, or appends it to the file that `FIXTURE_VERDICT` names, for a program without standard output.
public func report(_ line: String) {
    guard let path = getenv("FIXTURE_VERDICT") else {
        print(line)
        fflush(nil)
        return
    }
    guard let file = fopen(path, "a") else { exit(98) }
    fputs(line + "\n", file)
    fclose(file)
}

/// Ends the program unless a condition holds.
public func expect(_ condition: Bool, _ what: String) {
    guard !condition else { return }
    report("wrong: \(what)")
    exit(1)
}

/// Runs a host's body; an error that it throws is reported and ends the program with code 3.
public nonisolated(nonsending) func reportingErrors(
    as name: String,
    _ body: nonisolated(nonsending) () async throws -> Void
) async {
    do {
        try await body()
        report("\(name): ok")
    } catch {
        report("\(name): \(error)")
        exit(3)
    }
}

/// - Returns: whether the file came to be within ten seconds.
public func waitForFile(_ path: String) -> Bool {
    for _ in 0..<2000 {
        if access(path, F_OK) == 0 { return true }
        usleep(5000)
    }
    return false
}
